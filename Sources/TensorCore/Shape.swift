/// Sizes of a tensor's axes, outermost first. A shape without axes is that of a scalar.
package struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  package let axes: [Int]

  /// Elements in a tensor of this shape.
  package let count: Int

  /// - Throws: `TensorError.invalidShape` where an axis is negative or the product overflows.
  package init(validating axes: [Int]) throws {
    var count = 1
    for axis in axes {
      let (product, overflow) = count.multipliedReportingOverflow(by: axis)
      guard axis >= 0, !overflow else { throw TensorError.invalidShape(axes) }
      count = product
    }
    self.axes = axes
    self.count = count
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

  package var description: String {
    "[" + axes.map(String.init).joined(separator: ", ") + "]"
  }
}
