import CFFmpeg
import TensorCore

/// The planes of a decoded JPEG or WebP picture as red, green and blue, with the upsampling of libjpeg and
/// libwebp ("fancy": a triangle over the nearest two samples along each halved axis) and their
/// fixed-point colours (jdsample.c, jdcolor.c; yuv.h).
struct StillColors {
  private let frame: UnsafeMutablePointer<AVFrame>
  private let rows: Int
  private let columns: Int
  /// Whether colour has half the columns, or rows, of light.
  private let isHalvedAcross: Bool
  private let isHalvedDown: Bool
  /// Whether the picture is WebP's: numbers of limited range.
  private let isLimited: Bool

  /// - Returns: nil for pictures of other kinds: grey, four channels, a quarter of the columns.
  init?(_ frame: UnsafeMutablePointer<AVFrame>, isWebP: Bool) {
    switch AVPixelFormat(frame.pointee.format) {
    case AV_PIX_FMT_YUVJ444P: (isHalvedAcross, isHalvedDown) = (false, false)
    case AV_PIX_FMT_YUVJ422P: (isHalvedAcross, isHalvedDown) = (true, false)
    case AV_PIX_FMT_YUVJ440P: (isHalvedAcross, isHalvedDown) = (false, true)
    case AV_PIX_FMT_YUVJ420P: (isHalvedAcross, isHalvedDown) = (true, true)
    case AV_PIX_FMT_YUV420P where isWebP, AV_PIX_FMT_YUVA420P where isWebP:
      (isHalvedAcross, isHalvedDown) = (true, true)
    default: return nil
    }
    isLimited = isWebP
    self.frame = frame
    rows = Int(frame.pointee.height)
    columns = Int(frame.pointee.width)
  }

  /// - Returns: U8 `[rows, columns, 3]`.
  func pixels() throws -> Tensor {
    let result = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    guard let light = frame.pointee.data.0, let blue = frame.pointee.data.1,
      let red = frame.pointee.data.2
    else { preconditionFailure("three planes") }
    let steps = frame.pointee.linesize
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * columns) { samples in
      let blueRow = UnsafeMutableBufferPointer(rebasing: samples[..<columns])
      let redRow = UnsafeMutableBufferPointer(rebasing: samples[columns...])
      for row in 0..<rows {
        upsample(UnsafePointer(blue), Int(steps.1), row, blueRow)
        upsample(UnsafePointer(red), Int(steps.2), row, redRow)
        let target = result.pointer + row * columns * 3
        let convert = isLimited ? Self.convertLimited : Self.convert
        convert(
          UnsafePointer(light) + row * Int(steps.0), blueRow, redRow,
          target.assumingMemoryBound(to: UInt8.self))
      }
    }
    return result
  }

  // MARK: Upsampling

  /// One row of a colour plane at full width.
  private func upsample(
    _ plane: UnsafePointer<UInt8>, _ step: Int, _ row: Int,
    _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let width = isHalvedAcross ? (columns + 1) / 2 : columns
    let height = isHalvedDown ? (rows + 1) / 2 : rows
    let place = isHalvedDown ? row / 2 : row
    let near = plane + place * step
    // A picture of one or two samples is too narrow for libjpeg's triangle.
    let isPlain = isHalvedAcross && width <= 2 && !isLimited
    guard isHalvedDown, !isPlain else {
      if !isHalvedAcross {
        for column in 0..<columns { target[column] = near[column] }
      } else if isPlain {
        for column in 0..<columns { target[column] = near[column / 2] }
      } else {
        across(target, width, 0) { Int32(near[$0]) }
      }
      return
    }
    let other = min(max(row % 2 == 0 ? place - 1 : place + 1, 0), height - 1)
    let far = plane + other * step
    if isHalvedAcross {
      across(target, width, 2) { Int32(near[$0]) * 3 + Int32(far[$0]) }
    } else {
      let bias: Int32 = row % 2 == 0 ? 1 : 2
      for column in 0..<columns {
        target[column] = UInt8((Int32(near[column]) * 3 + Int32(far[column]) + bias) >> 2)
      }
    }
  }

  /// Doubles the columns.
  ///
  /// - Parameter bits: that the samples have besides their eight.
  @inline(__always)
  private func across(
    _ target: UnsafeMutableBufferPointer<UInt8>, _ width: Int, _ bits: Int32,
    _ sample: (Int) -> Int32
  ) {
    let leftBias: Int32 = bits == 0 ? 1 : 8
    let rightBias: Int32 = bits == 0 ? 2 : 7
    var last = sample(0)
    var here = last
    for column in 0..<width {
      let next = column + 1 < width ? sample(column + 1) : here
      // The outer edges repeat their sample, which the triangle's sum does too.
      target[2 * column] = UInt8((here * 3 + last + leftBias) >> (bits + 2))
      if 2 * column + 1 < columns {
        target[2 * column + 1] = UInt8((here * 3 + next + rightBias) >> (bits + 2))
      }
      last = here
      here = next
    }
  }

  // MARK: Colours

  private static func convert(
    _ light: UnsafePointer<UInt8>, _ blue: UnsafeMutableBufferPointer<UInt8>,
    _ red: UnsafeMutableBufferPointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>
  ) {
    // 65536 times 1.402, 1.772, 0.71414 and 0.34414.
    let half: Int32 = 1 << 15
    var target = target
    for column in blue.indices {
      let y = Int32(light[column])
      let b = Int32(blue[column]) &- 128
      let r = Int32(red[column]) &- 128
      target[0] = byte(y &+ (91881 &* r &+ half) >> 16)
      target[1] = byte(y &+ (-22554 &* b &- 46802 &* r &+ half) >> 16)
      target[2] = byte(y &+ (116130 &* b &+ half) >> 16)
      target += 3
    }
  }

  /// libwebp's: 14 bits behind the point, of which each product loses 8.
  private static func convertLimited(
    _ light: UnsafePointer<UInt8>, _ blue: UnsafeMutableBufferPointer<UInt8>,
    _ red: UnsafeMutableBufferPointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>
  ) {
    var target = target
    for column in blue.indices {
      let y = (Int32(light[column]) &* 19077) >> 8
      let b = Int32(blue[column])
      let r = Int32(red[column])
      target[0] = byte((y &+ (r &* 26149) >> 8 &- 14234) >> 6)
      target[1] = byte((y &- (b &* 6419) >> 8 &- (r &* 13320) >> 8 &+ 8708) >> 6)
      target[2] = byte((y &+ (b &* 33050) >> 8 &- 17685) >> 6)
      target += 3
    }
  }

  @inline(__always)
  private static func byte(_ value: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(value, 0), 255))
  }
}
