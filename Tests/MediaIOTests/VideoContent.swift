import Imaging
import MediaIO
import TensorCore
import TestSupport

/// A video that was read to its end.
struct VideoContent {
  let information: VideoInformation
  let damage: VideoDamage
  /// Frames, and how many of them repeat the one before.
  let count: Int
  let repeats: Int
  /// The pictures' bytes, where they were kept.
  let pictures: [[UInt8]]

  init(
    reading path: String, order: PixelOrder = .rgb, keeping: Bool = false, limit: Int = .max,
    frameRate: Rational? = nil
  ) throws {
    let reader = try VideoReader(path: path, order: order, frameRate: frameRate)
    var (count, repeats) = (0, 0)
    var pictures: [[UInt8]] = []
    while count < limit, let frame = try reader.next() {
      if frame.isRepeat { repeats += 1 }
      if keeping || count == 0 { pictures.append(try frame.pixels.bytes()) }
      count += 1
    }
    information = reader.information
    damage = reader.damage
    self.count = count
    self.repeats = repeats
    self.pictures = pictures
  }

  /// A pixel of a picture.
  func pixel(_ row: Int, _ column: Int, of picture: Int = 0) -> [Int] {
    let start = (row * information.columns + column) * 3
    return pictures[picture][start..<start + 3].map { Int($0) }
  }
}

/// The largest difference between two numbers of two lists of equal length; nil where the lengths
/// differ.
func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
  guard a.count == b.count else { return nil }
  return zip(a, b).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
}

/// The mean difference between the numbers of two lists of equal length.
func meanDifference(_ a: [UInt8], _ b: [UInt8]) -> Double? {
  guard a.count == b.count, !a.isEmpty else { return nil }
  return Double(zip(a, b).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(a.count)
}
