import Checkpoints
import Foundation
import TensorCore

/// Eight-bit weights: symmetric, one scale for each output channel (row).
///
/// `weight[n, k] = bytes[n, k] * scale[n]` with `scale[n] = max |weight[n, :]| / 127`, rounded to
/// nearest even; the scale of a row of zeros (or below 1e-36) is 1. In a file the bytes keep the weight's name and
/// the scales, float32 `[n]`, lie beside it under `<name>.scale`.
enum RowQuantisation {
  static func scaleName(of weight: String) -> String { "\(weight).scale" }

  /// Whether a tensor is the weight of a product inside a block: there eight bits save memory and
  /// time. Embeddings and whatever stands before and after the blocks keep their precision.
  static func applies(to name: String, shape: Shape) -> Bool {
    let isInBlock = name.split(separator: ".").dropLast().contains { Int($0) != nil }
    return shape.rank == 2 && shape[0] >= 16 && shape[1] >= 16 && isInBlock
      && name.hasSuffix(".weight") && !name.contains("embedding")
  }

  struct Result {
    let bytes: [Int8]
    let scales: [Float]
  }

  /// - Parameter weight: `[rows, columns]`, any floating type.
  /// - Returns: nil where a value is not finite.
  static func quantise(_ weight: Tensor, on context: ComputeContext = .shared) throws -> Result? {
    let values = try weight.floats(on: context)
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    var bytes = [Int8](repeating: 0, count: values.count)
    var scales = [Float](repeating: 1, count: rows)
    bytes.withUnsafeMutableBufferPointer { bytes in
      scales.withUnsafeMutableBufferPointer { scales in
        nonisolated(unsafe) let (bytes, scales) = (bytes, scales)
        context.pool.forEach(rows) { row in
          let range = row * columns..<(row + 1) * columns
          scales[row] = quantise(values[range], into: bytes.extracting(range))
        }
      }
    }
    return scales.allSatisfy(\.isFinite) ? Result(bytes: bytes, scales: scales) : nil
  }

  /// Quantises one row.
  ///
  /// - Returns: its scale, NaN where a value is not finite.
  private static func quantise(
    _ row: ArraySlice<Float>, into bytes: UnsafeMutableBufferPointer<Int8>
  ) -> Float {
    var largest: Float = 0
    for value in row {
      guard value.isFinite else { return .nan }
      largest = max(largest, value.magnitude)
    }
    // Quotients of subnormal scales could leave the range: such a row is as good as zero.
    let scale = largest < .leastNormalMagnitude * 127 ? 1 : largest / 127
    for (index, value) in row.enumerated() {
      bytes[index] = Int8((value / scale).rounded(.toNearestOrEven))
    }
    return scale
  }
}
