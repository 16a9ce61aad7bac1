import CFFmpeg

/// The tags of a media file as a whole: `title`, `comment`, ...
package enum MediaTags {
  /// Reads the tags of a file.
  ///
  /// - Throws: `MediaError`.
  package static func read(_ path: String) throws -> [String: String] {
    let demuxer = try Demuxer(path: path, stop: StopFlag())
    var tags: [String: String] = [:]
    var entry: UnsafeMutablePointer<AVDictionaryEntry>?
    while let next = av_dict_get(demuxer.format.pointee.metadata, "", entry, AV_DICT_IGNORE_SUFFIX)
    {
      tags[String(cString: next.pointee.key)] = String(cString: next.pointee.value)
      entry = next
    }
    return tags
  }
}
