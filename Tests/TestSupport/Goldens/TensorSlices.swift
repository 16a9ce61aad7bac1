import TensorCore

/// Which elements of a tensor are taken, written as in Python: "[:, ::16, 3::8, 2]".
package struct TensorSlices: Equatable, CustomStringConvertible {
  package enum Failure: Error, Equatable, CustomStringConvertible {
    case unreadable(String)
    case outside(slices: String, shape: Shape)

    package var description: String {
      switch self {
      case .unreadable(let text): "'\(text)' is no list of slices such as \"[:, ::16, 3]\""
      case .outside(let slices, let shape): "\(slices) does not fit a tensor of shape \(shape)"
      }
    }
  }

  private enum Axis: Equatable {
    /// From `start` to before `stop` (both may count from the end) in steps of `step`.
    case range(start: Int?, stop: Int?, step: Int)
    /// One place; the axis goes.
    case place(Int)
  }

  package let description: String
  private let axes: [Axis]

  /// Axes of the tensor that they are for.
  package var rank: Int { axes.count }

  /// - Throws: `Failure.unreadable`.
  package init(_ text: String) throws {
    description = text
    guard text.hasPrefix("["), text.hasSuffix("]") else { throw Failure.unreadable(text) }
    axes = try text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
      .map { axis in
        let parts = axis.filter { $0 != " " }.split(
          separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.map { Int($0) }
        let isReadable = zip(parts, numbers).allSatisfy { $0.isEmpty || $1 != nil }
        switch parts.count {
        case 1:
          guard let place = numbers[0] else { throw Failure.unreadable(text) }
          return .place(place)
        case 2, 3:
          let step = parts.count == 3 ? numbers[2] ?? 1 : 1
          guard isReadable, step > 0 else { throw Failure.unreadable(text) }
          return .range(start: numbers[0], stop: numbers[1], step: step)
        default: throw Failure.unreadable(text)
        }
      }
  }

  /// A contiguous copy of the elements.
  ///
  /// - Throws: `Failure.outside` where the tensor has other axes or lacks a place.
  package func of(_ tensor: Tensor) throws -> Tensor {
    let source = try tensor.contiguous()
    guard source.shape.rank == rank else {
      throw Failure.outside(slices: description, shape: tensor.shape)
    }
    var (sizes, strides, offset) = ([Int](), [Int](), 0)
    for (axis, (size, stride)) in zip(axes, zip(source.shape.axes, source.strides)) {
      func fromFront(_ place: Int) -> Int { place < 0 ? size + place : place }
      switch axis {
      case .place(let place):
        guard (0..<size).contains(fromFront(place)) else {
          throw Failure.outside(slices: description, shape: tensor.shape)
        }
        offset += fromFront(place) * stride
      case .range(let start, let stop, let step):
        let first = min(max(fromFront(start ?? 0), 0), size)
        let last = min(max(fromFront(stop ?? size), first), size)
        offset += first * stride
        sizes.append((last - first).dividedUp(by: step))
        strides.append(stride * step)
      }
    }
    return try Tensor(
      storage: source.storage, dtype: source.dtype, shape: Shape(sizes), strides: strides,
      byteOffset: source.byteOffset + offset * source.dtype.byteCount
    ).contiguous()
  }
}
