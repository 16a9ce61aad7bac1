import TensorCore

/// How operands of different shapes are read together, as NumPy's broadcasting has it: axes of size
/// 1 and missing leading axes are repeated.
struct Broadcasting: Sendable {
  /// Of the result.
  let shape: Shape

  /// Axes of the result that cannot be joined, outermost first; never empty.
  let sizes: [Int]

  /// For each operand: elements between neighbours along each of `sizes`, 0 where it repeats.
  let strides: [[Int]]

  /// - Throws: `ONNXError.invalid` where the shapes do not fit.
  init(_ operands: [Tensor]) throws {
    shape = try Self.joinedShape(of: operands.map(\.shape))
    let axes = shape.axes
    let all = operands.map { Self.repeatingStrides(of: $0, rank: axes.count) }
    (sizes, strides) = Self.merged(axes, all)
  }

  /// The shape that all of them fit into.
  static func joinedShape(of shapes: [Shape]) throws -> Shape {
    let rank = shapes.map(\.rank).max() ?? 0
    var axes = [Int](repeating: 1, count: rank)
    for shape in shapes {
      for (axis, size) in zip((rank - shape.rank)..., shape.axes) where size != 1 {
        guard axes[axis] == 1 || axes[axis] == size else {
          throw ONNXError.invalid(
            "shapes " + shapes.map { "\($0)" }.joined(separator: ", ")
              + " cannot be broadcast together")
        }
        axes[axis] = size
      }
    }
    return try Shape(validating: axes)
  }

  /// Strides of an operand, with leading axes up to a rank; 0 where it repeats.
  private static func repeatingStrides(of operand: Tensor, rank: Int) -> [Int] {
    let own = zip(operand.shape.axes, operand.strides).map { size, stride in
      size == 1 ? 0 : stride
    }
    return [Int](repeating: 0, count: rank - operand.shape.rank) + own
  }

  /// Joins neighbouring axes along which every operand moves on in one step; drops axes of size 1.
  private static func merged(_ axes: [Int], _ strides: [[Int]]) -> ([Int], [[Int]]) {
    var sizes: [Int] = []
    var kept = strides.map { _ in [Int]() }
    for axis in axes.indices where axes[axis] != 1 {
      let joins =
        !sizes.isEmpty
        && zip(kept, strides).allSatisfy { $0.last == $1[axis] * axes[axis] }
      if joins {
        sizes[sizes.count - 1] *= axes[axis]
      } else {
        sizes.append(axes[axis])
      }
      for operand in kept.indices {
        if joins { kept[operand].removeLast() }
        kept[operand].append(strides[operand][axis])
      }
    }
    return sizes.isEmpty ? ([1], strides.map { _ in [0] }) : (sizes, kept)
  }

  /// The walk over the result and the operands.
  var walk: StridedWalk { StridedWalk(sizes: sizes, strides: strides) }
}
