import TensorCore

/// The same elements under other axes, and what shapes are made of.
let shapeOperators: [String: OperatorDefinition] = [
  "Reshape": OperatorDefinition(inputs: 1...2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let fixed = try node.ints("shape")
    let keepsZeros = try node.flag("allowzero")
    return { values in
      let x = try values.operand(0)
      guard let wanted = try values.integers(1) ?? fixed else {
        throw ONNXError.invalid("no shape is given")
      }
      let axes = try reshapedAxes(x.shape, to: wanted, keepsZeros: keepsZeros)
      return [try x.reshaped(axes, on: context)]
    }
  },
  "Flatten": OperatorDefinition(inputs: 1...1) { preparation in
    let (number, context) = (try preparation.node.int("axis", default: 1), preparation.context)
    return { values in
      let x = try values.operand(0)
      let rank = x.shape.rank
      let axis = number < 0 ? number + rank : number
      guard (0...rank).contains(axis) else {
        throw ONNXError.invalid("axis \(number) is not one of the \(rank) of \(x.shape)")
      }
      let rows = x.shape.axes[..<axis].reduce(1, *)
      return [try x.reshaped([rows, x.shape.axes[axis...].reduce(1, *)], on: context)]
    }
  },
  "Squeeze": OperatorDefinition(inputs: 1...2) { preparation in
    let fixed = try preparation.node.ints("axes")
    return { values in
      let x = try values.operand(0)
      let named = try values.integers(1) ?? fixed
      let dropped =
        try named.map(x.shape.distinctAxes) ?? x.shape.axes.indices.filter { x.shape[$0] == 1 }
      for axis in dropped where x.shape[axis] != 1 {
        throw ONNXError.invalid("axis \(axis) of \(x.shape) is not of size 1")
      }
      return [x.view(ofAxes: x.shape.axes.indices.filter { !dropped.contains($0) })]
    }
  },
  "Unsqueeze": OperatorDefinition(inputs: 1...2) { preparation in
    let fixed = try preparation.node.ints("axes")
    return { values in
      let x = try values.operand(0)
      guard let named = try values.integers(1) ?? fixed else {
        throw ONNXError.invalid("no axes are given")
      }
      let rank = x.shape.rank + named.count
      let added = try Shape([Int](repeating: 1, count: rank)).distinctAxes(named)
      var rest = Array(x.shape.axes.indices)
      return [x.view(ofAxes: (0..<rank).map { added.contains($0) ? nil : rest.removeFirst() })]
    }
  },
  "Transpose": OperatorDefinition(inputs: 1...1) { preparation in
    let order = try preparation.node.ints("perm")
    return { values in
      let x = try values.operand(0)
      let order = order ?? x.shape.axes.indices.reversed()
      guard order.sorted() == Array(x.shape.axes.indices) else {
        throw ONNXError.invalid("\(order) is not an order of the axes of \(x.shape)")
      }
      return [x.permuted(order)]
    }
  },
  "Shape": OperatorDefinition(inputs: 1...1) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let (start, end) = (try node.int("start", default: 0), try node.int("end"))
    return { values in
      let axes = try values.operand(0).shape.axes
      func bounded(_ place: Int) -> Int {
        min(max(place < 0 ? place &+ axes.count : place, 0), axes.count)
      }
      let (first, last) = (bounded(start), bounded(end ?? axes.count))
      let sizes = first < last ? Array(axes[first..<last]) : []
      return [try int64Tensor(sizes, axes: [sizes.count], on: context)]
    }
  },
  "Size": OperatorDefinition(inputs: 1...1) { preparation in
    let context = preparation.context
    return { values in [try int64Tensor([values.operand(0).count], axes: [], on: context)] }
  },
  "Identity": OperatorDefinition(inputs: 1...1) { _ in { values in [try values.operand(0)] } },
  "Dropout": OperatorDefinition(inputs: 1...3, outputs: 2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let maskType: DType = node.opset < 10 ? .f32 : .bool
    let wantsMask = node.wants(output: 1)
    return { values in
      let x = try values.operand(0)
      if let training = values.optional(2), try training.scalar() != 0,
        try values.optional(1)?.scalar() ?? 0.5 != 0
      {
        throw ONNXError.invalid("dropping elements at random, as in training, is not supported")
      }
      if !wantsMask { return [x] }
      let type = maskType == .bool ? maskType : x.dtype
      let one = try numberTensor(1, type, on: context)
      return [x, try materialized(one.expanded(to: x.shape), on: context)]
    }
  },
]

/// The sizes that a request stands for: 0 keeps a size (unless zeros are kept as they are), -1 takes
/// what is left.
///
/// - Throws: `ONNXError.invalid` where the elements do not fit.
private func reshapedAxes(_ shape: Shape, to wanted: [Int], keepsZeros: Bool) throws -> [Int] {
  let failure = ONNXError.invalid("shape \(shape) cannot become \(wanted)")
  var axes: [Int] = []
  for (position, size) in wanted.enumerated() {
    guard size >= -1 else { throw failure }
    if size == 0, !keepsZeros {
      guard position < shape.rank else { throw failure }
      axes.append(shape[position])
    } else {
      axes.append(size)
    }
  }
  if let open = axes.firstIndex(of: -1) {
    axes[open] = 1
    let rest = try Shape(validating: axes).count
    guard rest > 0, shape.count % rest == 0 else { throw failure }
    axes[open] = shape.count / rest
  }
  guard try Shape(validating: axes).count == shape.count else { throw failure }
  return axes
}

extension Tensor {
  /// A view with some of the axes, nil standing for a new one of size 1; what is left out has size 1.
  func view(ofAxes axes: [Int?]) -> Tensor {
    Tensor(
      storage: storage, dtype: dtype, shape: Shape(axes.map { $0.map { shape[$0] } ?? 1 }),
      strides: axes.map { $0.map { strides[$0] } ?? 1 }, byteOffset: byteOffset)
  }

  /// A view that repeats axes of size 1, and new leading ones.
  ///
  /// - Parameter target: what the tensor is broadcast to.
  func expanded(to target: Shape) -> Tensor {
    let missing = target.rank - shape.rank
    let own = shape.axes.indices.map { shape[$0] == target[missing + $0] ? strides[$0] : 0 }
    return Tensor(
      storage: storage, dtype: dtype, shape: target,
      strides: [Int](repeating: 0, count: missing) + own, byteOffset: byteOffset)
  }
}
