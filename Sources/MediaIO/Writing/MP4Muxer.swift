import CFFmpeg
import OutputFiles

/// An MP4 file that takes encoded packets in the order of their decoding times.
///
/// Its index comes first (`faststart`), so that a player on the network can begin at once. It holds
/// no time of creation and no version of a library: the same packets give the same bytes.
final class MP4Muxer {
  private let context: UnsafeMutablePointer<AVFormatContext>
  private let path: String

  /// - Parameters:
  ///   - file: where the muxer writes; what is there already is lost.
  ///   - timescale: units of a second for times of the file as a whole.
  /// - Throws: `OutputError`, `MediaError.componentMissing`.
  init(file: AtomicFile, timescale: Int64, metadata: [String: String]) throws {
    path = file.path
    var created: UnsafeMutablePointer<AVFormatContext>?
    // With the protocol's name a path may hold any characters.
    let url = "file:" + file.partialPath
    avformat_alloc_output_context2(&created, nil, "mp4", url)
    guard let created else {
      throw MediaError.componentMissing(name: "the MP4 muxer", purpose: "write videos")
    }
    context = created
    context.pointee.flags |= AVFMT_FLAG_BITEXACT
    var flags = "+faststart"
    if metadata.keys.contains(where: { !Self.commonTags.contains($0) }) {
      flags += "+use_metadata_tags"
    }
    av_opt_set(context.pointee.priv_data, "movflags", flags, 0)
    // By default a thousandth: too coarse for the exact length of the sound.
    av_opt_set_int(context.pointee.priv_data, "movie_timescale", timescale, 0)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      av_dict_set(&context.pointee.metadata, key, value, 0)
    }
    let code = avio_open(&context.pointee.pb, url, AVIO_FLAG_WRITE)
    guard code >= 0 else { throw OutputError(path: path, code: -code) }
  }

  deinit {
    avio_closep(&context.pointee.pb)
    avformat_free_context(context)
  }

  /// Adds a track before the header is written.
  ///
  /// - Parameter fill: sets the codec's parameters, and returns an FFmpeg code.
  func addTrack(
    timeBase: AVRational, _ fill: (UnsafeMutablePointer<AVCodecParameters>) -> Int32
  ) throws {
    guard let stream = avformat_new_stream(context, nil), fill(stream.pointee.codecpar) >= 0 else {
      throw MediaError.notEncodable(path: path, reason: "memory is exhausted")
    }
    stream.pointee.codecpar.pointee.codec_tag = 0
    stream.pointee.time_base = timeBase
  }

  /// Begins the file.
  ///
  /// - Returns: whether MP4 takes the tracks.
  /// - Throws: `OutputError` where the file cannot be written.
  func begin() throws -> Bool {
    let code = avformat_write_header(context, nil)
    if code < 0 { try checkFile() }
    return code >= 0
  }

  /// Writes a packet and leaves it empty.
  ///
  /// - Parameters:
  ///   - track: its index, in the order of `addTrack`.
  ///   - timeBase: of the packet's times.
  /// - Returns: whether MP4 takes the packet.
  /// - Throws: `OutputError` where the file cannot be written.
  func write(
    _ packet: UnsafeMutablePointer<AVPacket>, track: Int, timeBase: AVRational
  ) throws -> Bool {
    guard let stream = context.pointee.streams[track] else { return false }
    packet.pointee.stream_index = Int32(track)
    packet.pointee.pos = -1
    av_packet_rescale_ts(packet, timeBase, stream.pointee.time_base)
    let code = av_write_frame(context, packet)
    av_packet_unref(packet)
    try checkFile()
    return code >= 0
  }

  /// Ends the file and moves its index to the front.
  ///
  /// - Throws: `OutputError`, `MediaError.notEncodable`.
  func finish() throws {
    let code = av_write_trailer(context)
    try checkFile()
    guard code >= 0 else {
      // The second pass opens the file once more, which fails with the system's reason.
      throw MediaError.notEncodable(
        path: path, reason: "the index cannot be written (\(FFmpegCode.reason(code)))")
    }
    let closing = avio_closep(&context.pointee.pb)
    guard closing >= 0 else { throw OutputError(path: path, code: -closing) }
  }

  /// The muxer writes without looking; what failed is kept with the file.
  private func checkFile() throws {
    guard let file = context.pointee.pb, file.pointee.error < 0 else { return }
    throw OutputError(path: path, code: -file.pointee.error)
  }

  /// The tags that MP4 has names for, which all players show.
  private static let commonTags: Set<String> = [
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre",
    "copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network",
    "keywords",
  ]
}
