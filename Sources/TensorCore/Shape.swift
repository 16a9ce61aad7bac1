/// Sizes of a tensor's axes, outermost first. A shape without axes is that of a scalar.
package struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// Outermost first, none negative.
  package let axes: [Int]

  /// Elements in a tensor of this shape.
  package let count: Int

  /// - Throws: `TensorError.invalidShape` where an axis is negative or the product overflows. Axes
  ///   of size 0 do not hide an overflow of the others, which strides are made of.
  package init(validating axes: [Int]) throws {
    var product = 1
    for axis in axes where axis != 0 {
      let (next, overflow) = product.multipliedReportingOverflow(by: axis)
      guard axis > 0, !overflow else { throw TensorError.invalidShape(axes) }
      product = next
    }
    self.axes = axes
    count = axes.contains(0) ? 0 : product
  }

  /// A shape that our own code made; traps where `init(validating:)` would throw.
  package init(_ axes: [Int]) {
    self.axes = axes
    count = axes.reduce(1) { product, axis in
      precondition(axis >= 0, "negative axis in \(axes)")
      return product * axis
    }
  }

  package init(arrayLiteral axes: Int...) { self.init(axes) }

  /// Number of axes; 0 for a scalar.
  package var rank: Int { axes.count }

  /// Size of an axis; negative positions count from the end.
  package subscript(axis: Int) -> Int { axes[axis < 0 ? axes.count + axis : axis] }

  /// Row-major strides, in elements.
  package var rowMajorStrides: [Int] {
    var strides = [Int](repeating: 1, count: axes.count)
    for axis in axes.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * axes[axis + 1]
    }
    return strides
  }

  /// "[2, 3]".
  package var description: String {
    "[" + axes.map(String.init).joined(separator: ", ") + "]"
  }
}
