import CKernels
import Foundation

/// Frequency of one temporal pair that replaces the usual one.
package struct RotaryOverride: Equatable, Sendable {
  /// Pair of the temporal group, from 0.
  package let pair: Int

  /// Radians for each latent frame.
  package let frequency: Double

  package init(pair: Int, frequency: Double) {
    self.pair = pair
    self.frequency = frequency
  }

  /// RIFLEx: slows pair k (from 1) so that it does not come round within a window.
  ///
  /// - Parameters:
  ///   - k: 6 for Wan2.1.
  ///   - frames: latent frames of the window.
  package static func riflex(k: Int, frames: Int) -> RotaryOverride {
    RotaryOverride(pair: k - 1, frequency: 0.9 * 2 * .pi / Double(frames))
  }
}

/// Cosines and sines of the angles by which each position's channel pairs are turned (Wan2.1
/// `rope_params` and `rope_apply`). Angles are float64; the tables are float32.
package struct RotaryTable: Sendable {
  /// Positions, in the order frame, row, column.
  package let positions: Int

  /// Channels of a head.
  package let headDimension: Int

  /// `[positions, headDimension]`: the cosine, twice for each pair; minus the sine and the sine.
  let cosines: Tensor, sines: Tensor

  /// The table of a grid of latent patches: of c = d / 2 pairs the first c - 2 (c / 3) turn with the
  /// frame, c / 3 with the row, c / 3 with the column; pair i of n by position * base^(-i / n).
  ///
  /// - Throws: `TensorError.invalidShape` where the head dimension is odd or the override's pair is
  ///   not temporal, `.outOfMemory`.
  package init(
    frames: Int, rows: Int, columns: Int, headDimension: Int, base: Double = 10_000,
    override: RotaryOverride? = nil
  ) throws {
    let pairs = headDimension / 2
    let side = pairs / 3
    let temporal = pairs - 2 * side
    guard headDimension > 0, headDimension % 2 == 0,
      override.map({ (0..<temporal).contains($0.pair) }) ?? true
    else { throw TensorError.invalidShape([frames, rows, columns, headDimension]) }
    let shape = try Shape(validating: [frames, rows, columns, headDimension])
    positions = frames * rows * columns
    self.headDimension = headDimension
    cosines = try Tensor(
      uninitialized: [positions, headDimension], dtype: .f32)
    sines = try Tensor(uninitialized: [positions, headDimension], dtype: .f32)
    if shape.count == 0 { return }

    var temporalFrequencies = Self.frequencies(temporal, base: base)
    if let override { temporalFrequencies[override.pair] = override.frequency }
    let sideFrequencies = Self.frequencies(side, base: base)
    let axes = [
      AxisTurns(positions: frames, frequencies: temporalFrequencies),
      AxisTurns(positions: rows, frequencies: sideFrequencies),
      AxisTurns(positions: columns, frequencies: sideFrequencies),
    ]
    let cosine = cosines.floatElements
    let sine = sines.floatElements
    var at = 0
    for frame in 0..<frames {
      for row in 0..<rows {
        for column in 0..<columns {
          for (axis, position) in zip(axes, [frame, row, column]) {
            at = axis.write(position, to: cosine, sine, at: at)
          }
        }
      }
    }
  }

  /// The angles as attention takes them, which then turns its rows on their way into the product.
  ///
  /// - Parameter rows: positions in the table, one for each row.
  /// - Throws: `TensorError.shapeMismatch` where the table has no such positions, `.outOfMemory`.
  package func rotation(_ rows: Range<Int>) throws -> Attention.Rotation {
    guard rows.lowerBound >= 0, rows.upperBound <= positions else {
      throw TensorError.shapeMismatch(
        operation: "rotary embedding", expected: "positions in 0 ..< \(positions)",
        found: "\(rows)")
    }
    // Each pair's angle stands twice in the table; its sine the second time without the minus.
    func pairs(_ table: Tensor, from element: Int) throws -> Tensor {
      try Tensor(
        storage: table.storage, dtype: .f32, shape: [positions, headDimension / 2],
        strides: [headDimension, 2], byteOffset: element * DType.f32.byteCount
      ).sliced(rows).contiguous()
    }
    return try Attention.Rotation(cosine: pairs(cosines, from: 0), sine: pairs(sines, from: 1))
  }

  /// base^(-i / count) for i in 0 ..< count.
  private static func frequencies(_ count: Int, base: Double) -> [Double] {
    (0..<count).map { pow(base, -Double($0) / Double(count)) }
  }

  /// The turns of every position along one axis of the grid, which many positions share.
  private struct AxisTurns {
    let pairs: Int
    let cosines: [Float], sines: [Float]

    init(positions: Int, frequencies: [Double]) {
      let angles = (0..<positions).flatMap { position in
        frequencies.map { Double(position) * $0 }
      }
      pairs = frequencies.count
      cosines = angles.map { Float(cos($0)) }
      sines = angles.map { Float(sin($0)) }
    }

    /// Writes a position's pairs from element `start` on; returns the element after them.
    func write(
      _ position: Int, to cosine: UnsafeMutablePointer<Float>, _ sine: UnsafeMutablePointer<Float>,
      at start: Int
    ) -> Int {
      for pair in 0..<pairs {
        let turn = position * pairs + pair
        let element = start + 2 * pair
        cosine[element] = cosines[turn]
        cosine[element + 1] = cosines[turn]
        sine[element] = -sines[turn]
        sine[element + 1] = sines[turn]
      }
      return start + 2 * pairs
    }
  }
}

extension Tensor {
  /// Turns neighbouring channel pairs of every head by their position's angles.
  ///
  /// The tensor is `[L, heads, d]` of F32 or BF16. Rows beyond the table's last position (padding)
  /// stay as they are. `into` may be the tensor itself.
  ///
  /// - Parameters:
  ///   - first: position of row 0 in the table.
  /// - Throws: `TensorError.unsupportedType`, `.shapeMismatch`.
  package func rotated(
    by table: RotaryTable, from first: Int = 0, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    guard shape.rank == 3, shape[2] == table.headDimension, first >= 0 else {
      throw TensorError.shapeMismatch(
        operation: "rotary embedding", expected: "[L, heads, \(table.headDimension)]",
        found: "\(shape)")
    }
    let x = try contiguousOperand("rotary embedding")
    let y = try x.result("rotary embedding", type: type, into: target)
    let width = shape[1] * shape[2]
    let turned = max(0, min(shape[0], table.positions - first))
    context.forEachRows(of: turned, width: width) { rows in
      var arguments = fp_rope_args(
        x: x.pointer, y: y.pointer, x_type: x.dtype.kernelType, y_type: y.dtype.kernelType,
        x_row: width * x.dtype.byteCount, y_row: width * y.dtype.byteCount,
        heads: Int64(shape[1]), width: Int64(shape[2]),
        cosines: table.cosines.floatElements + first * shape[2],
        sines: table.sines.floatElements + first * shape[2])
      context.kernels.pointee.rope.rotate(
        &arguments, Int64(rows.lowerBound), Int64(rows.upperBound))
    }
    let start = turned * width
    if x.pointer != y.pointer && start < count {
      context.kernels.pointee.convert.convert(
        y.pointer(at: start), y.dtype.kernelType, x.pointer(at: start), x.dtype.kernelType,
        count - start)
    }
    return y
  }
}
