import Foundation
import Imaging
import MediaIO
import TensorCore
import TestSupport

/// A video as ffprobe and the bytes show it.
struct WrittenFile {
  struct Packet {
    let time: Double
    let duration: Double
  }

  let path: String
  let video: [String: Any]
  let sound: [String: Any]?
  let container: [String: Any]
  let soundPackets: [Packet]

  init(_ path: String) throws {
    self.path = path
    let json = try TestProgram.ffprobe(
      path, ["-count_packets", "-show_streams", "-show_format", "-show_packets"])
    let streams = json["streams"] as? [[String: Any]] ?? []
    video = streams.first { $0["codec_type"] as? String == "video" } ?? [:]
    sound = streams.first { $0["codec_type"] as? String == "audio" }
    container = json["format"] as? [String: Any] ?? [:]
    soundPackets = (json["packets"] as? [[String: Any]] ?? [])
      .filter { $0["codec_type"] as? String == "audio" }
      .map {
        Packet(time: Self.number($0["pts_time"]), duration: Self.number($0["duration_time"]))
      }
  }

  var frameCount: Int { Int(Self.number(video["nb_read_packets"])) }
  var tags: [String: String] { container["tags"] as? [String: String] ?? [:] }
  var soundStart: Double { Self.number(sound?["start_time"]) }

  /// Where the last sound ends, in seconds.
  var soundEnd: Double { soundPackets.map { $0.time + $0.duration }.max() ?? 0 }

  /// The names of the file's boxes.
  func boxes() throws -> [String] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var names: [String] = []
    var offset = 0
    while offset + 8 <= bytes.count {
      let size = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      names.append(String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self))
      guard size >= 8 else { break }
      offset += size
    }
    return names
  }

  static func number(_ value: Any?) -> Double {
    (value as? String).flatMap(Double.init) ?? (value as? Double) ?? .nan
  }
}

/// Pictures that move a little from one to the next.
enum SyntheticPictures {
  /// - Returns: `[rows, columns, 3]`, U8.
  static func picture(_ index: Int, rows: Int, columns: Int) throws -> Tensor {
    let picture = try Tensor(uninitialized: Shape([rows, columns, 3]), dtype: .u8)
    let pixels = picture.pointer.assumingMemoryBound(to: UInt8.self)
    for row in 0..<rows {
      for column in 0..<columns {
        let pixel = pixels + (row * columns + column) * 3
        pixel[0] = UInt8(truncatingIfNeeded: row + 3 * index)
        pixel[1] = UInt8(truncatingIfNeeded: column + index)
        pixel[2] = UInt8(truncatingIfNeeded: (row / 8 + column / 8) * 40)
      }
    }
    return picture
  }

  /// Writes a video of such pictures.
  @discardableResult
  static func write(
    to path: String, frames: Int, from first: Int = 0, rows: Int = 64, columns: Int = 96,
    rate: Rational = Rational(30000, 1001), options: VideoWriterOptions = .init()
  ) throws -> WrittenVideo {
    let writer = try VideoWriter(
      path: path, rows: rows, columns: columns, frameRate: rate, options: options)
    for index in first..<first + frames {
      try writer.append(picture(index, rows: rows, columns: columns), order: .rgb)
    }
    return try writer.finish()
  }
}
