import Foundation
import MediaIO
import TestSupport

/// Pieces of one moving picture, as a job that was killed leaves them.
struct VideoPieces {
  let folder: TemporaryFolder
  let paths: [String]
  let lengths: [Int]

  var frameCount: Int { lengths.reduce(0, +) }

  init(
    _ lengths: [Int], rows: Int = 64, columns: Int = 96, rate: Rational = Rational(30000, 1001),
    options: VideoWriterOptions = .init()
  ) throws {
    folder = try TemporaryFolder()
    self.lengths = lengths
    var paths: [String] = []
    var first = 0
    for (number, length) in lengths.enumerated() {
      let path = folder.file("piece-\(number).mp4")
      try SyntheticPictures.write(
        to: path, frames: length, from: first, rows: rows, columns: columns, rate: rate,
        options: options)
      paths.append(path)
      first += length
    }
    self.paths = paths
  }

  /// Where the joined video goes.
  var output: String { folder.file("video.mp4") }
}

/// A video's packets of pictures, as a player reads them.
struct PicturePackets {
  /// In units of the stream, in the file's order.
  let decoding: [Int]
  let showing: [Int]
  let durations: [Int]

  init(_ path: String) throws {
    let json = try TestProgram.ffprobe(path, ["-select_streams", "v", "-show_packets"])
    let packets = json["packets"] as? [[String: Any]] ?? []
    decoding = packets.compactMap { $0["dts"] as? Int }
    showing = packets.compactMap { $0["pts"] as? Int }
    durations = packets.compactMap { $0["duration"] as? Int }
  }

  /// Whether pictures are decoded and shown every so often, beginning with 0, without a gap and
  /// without one that is shown before it is decoded.
  func isRegular(count: Int) -> Bool {
    guard decoding.count == count, showing.count == count, let interval = durations.first,
      interval > 0, durations.allSatisfy({ $0 == interval }),
      showing.sorted() == (0..<count).map({ $0 * interval })
    else { return false }
    return zip(decoding, decoding.dropFirst()).allSatisfy { $1 - $0 == interval }
      && zip(decoding, showing).allSatisfy { $0 <= $1 }
  }
}

/// Pictures that ffmpeg decodes, one line for each.
enum DecodedPictures {
  static func digests(_ path: String) throws -> [String] {
    let lines = try TestProgram.run(
      "ffmpeg",
      [
        "-v", "error", "-xerror", "-err_detect", "explode", "-i", path, "-map", "0:v",
        "-fps_mode", "passthrough", "-f", "framemd5", "-",
      ])
    return String(decoding: lines, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      .compactMap { $0.split(separator: ",").last.map { String($0) } }
  }
}
