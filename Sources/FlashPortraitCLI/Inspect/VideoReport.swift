import Foundation
import MediaIO
import PortraitPipeline

/// What a video says of itself, for `inspect`; of one of ours also what it was made from.
struct VideoReport: Encodable {
  struct Sound: Encodable {
    let codec: String
    let sampleRate: Int
    let channels: Int
    /// Seconds from the first picture to the first sample.
    let startOffset: Double
    let duration: Double?
  }

  let path: String
  let bytes: Int
  let container: String
  let codec: String
  let pixelFormat: String
  let width: Int
  let height: Int
  let frameRate: String
  /// Frames as the container tells them.
  let frames: Int?
  let duration: Double?
  let sound: Sound?
  let tags: [String: String]
  /// Of the job that made the video, by their published names; nil where no job of ours did.
  let parameters: [String: String]?

  /// Endings of names that stand for videos.
  private static let endings = ["mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "mpg", "mpeg"]

  /// Whether a file is taken for a video, by its name.
  static func isVideo(_ path: String) -> Bool {
    endings.contains(URL(fileURLWithPath: path).pathExtension.lowercased())
  }

  /// - Throws: `MediaError`; `CommandError.inputUnreadable`.
  init(_ path: String) throws {
    let video = try VideoReader(path: path, order: .rgb).information
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    self.path = path
    bytes = size ?? 0
    (container, codec, pixelFormat) = (video.container, video.codec, video.pixelFormat)
    (width, height) = (video.columns, video.rows)
    frameRate = video.frameRate.description
    (frames, duration) = (video.estimatedFrameCount, video.duration)
    sound = video.sound.map { sound in
      Sound(
        codec: sound.codec, sampleRate: sound.sampleRate, channels: sound.channels,
        startOffset: roundedToMilliseconds(sound.startOffset.value), duration: sound.duration)
    }
    tags = try MediaTags.read(path)
    parameters = JobTags.parameters(in: tags).map {
      Dictionary(uniqueKeysWithValues: $0.map { ($0.name, $0.value) })
    }
  }

  /// The report for people.
  var lines: [String] {
    var table = TextTable([.left, .left], indent: "  ")
    let length = [frames.map { formatCount($0, "frame") }, duration.map(formatDuration)]
      .compactMap(\.self).joined(separator: ", ")
    table.add("video", "\(codec), \(pixelFormat), \(width)x\(height), \(frameRate) frames a second")
    if !length.isEmpty { table.add("length", length) }
    if let sound {
      table.add(
        "sound",
        "\(sound.codec), \(sound.sampleRate) Hz, \(formatCount(sound.channels, "channel")), starts "
          + String(format: "%.3f s", sound.startOffset) + " after the picture")
    } else {
      table.add("sound", "none")
    }
    let isPlain = ["compatible_brands", "major_brand", "minor_version"].contains(_:)
    let isOfJob = parameters != nil
    for (name, value) in tags.sorted(by: { $0.key < $1.key })
    where !isPlain(name) && !(isOfJob && name == JobTags.tag) {
      table.add(printable(name), printable(value))
    }
    for (name, value) in (parameters ?? [:]).sorted(by: { $0.key < $1.key }) {
      table.add(name, printable(value))
    }
    return ["\(printable(path)): \(container), \(formatBytes(bytes))"] + table.lines
  }
}
