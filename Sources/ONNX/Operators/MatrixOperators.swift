import TensorCore

/// Matrix products, in float32 but for double and whole numbers.
let matrixOperators: [String: OperatorDefinition] = [
  "Gemm": OperatorDefinition(inputs: 2...3) { try GemmOperator($0).kernel },
  "MatMul": OperatorDefinition(inputs: 2...2) { preparation in
    let context = preparation.context
    let known = try preparation.constant(1).flatMap { weight -> Tensor? in
      // A Linear layer's weights are made float32 once.
      guard weight.shape.rank == 2, weight.dtype.isFloatingPoint, weight.dtype != .f64 else {
        return nil
      }
      return try weight.converted(to: .f32, on: context.compute).contiguous()
    }
    return { inputs in
      guard let a = inputs[0], let b = inputs[1] else {
        throw ONNXError.invalid("an input is missing")
      }
      return [try MatrixOperation.product(a, known ?? b, like: a, context)]
    }
  },
]

/// alpha * A' * B' + beta * C.
private struct GemmOperator: Sendable {
  private let alpha: Float, beta: Float
  private let transposesA: Bool, transposesB: Bool
  private let context: OperatorContext

  init(_ preparation: NodePreparation) throws {
    let node = preparation.node
    alpha = try node.float("alpha", default: 1)
    beta = try node.float("beta", default: 1)
    transposesA = try node.flag("transA")
    transposesB = try node.flag("transB")
    context = preparation.context
  }

  var kernel: Kernel { { [self] in try [run($0)] } }

  private func run(_ inputs: [Tensor?]) throws -> Tensor {
    guard let a = inputs[0], let b = inputs[1], a.shape.rank == 2, b.shape.rank == 2 else {
      throw ONNXError.invalid("expected two matrices")
    }
    let compute = context.compute
    let left = transposesA ? a.permuted([1, 0]) : a
    let right = transposesB ? b.permuted([1, 0]) : b
    guard left.shape[1] == right.shape[0] else {
      throw ONNXError.invalid("\(left.shape) times \(right.shape)")
    }
    guard a.dtype.isFloatingPoint, a.dtype != .f64 else {
      return try exact(left, right, inputs.count > 2 ? inputs[2] : nil, like: a)
    }
    let rows = left.shape[0]
    let lanes = right.shape[1]
    let x = try left.converted32(on: compute).contiguous()
    var epilogue = MatrixProduct.Epilogue()
    if alpha != 1 {
      epilogue.gate = try Tensor([Float](repeating: alpha, count: lanes), shape: [lanes])
    }
    let weights = try MatrixOperation.weights(right.converted32(on: compute))
    let output = try context.tensor([rows, lanes], .f32)
    guard output.count > 0 else { return try output.converted(like: a, on: compute) }
    if let c = inputs.count > 2 ? inputs[2] : nil, beta != 0 {
      epilogue = try added(c, to: epilogue, rows: rows, lanes: lanes)
    }
    if x.shape[1] == 0 {
      throw ONNXError.invalid("matrices without a common axis: \(left.shape)")
    }
    try MatrixProduct.run(
      x, [MatrixProduct(weights, epilogue: epilogue, output: output)], arithmetic: .f32,
      on: compute)
    return try output.converted(like: a, on: compute)
  }

  /// A vector joins as bias; all else, spread to the result's shape, is added to it.
  private func added(
    _ c: Tensor, to epilogue: MatrixProduct.Epilogue, rows: Int, lanes: Int
  ) throws -> MatrixProduct.Epilogue {
    var epilogue = epilogue
    let terms = try scaled(c)
    if terms.shape.count == lanes, terms.shape.rank == 0 || terms.shape[-1] == lanes, alpha == 1 {
      epilogue.bias = try terms.reshaped([lanes])
    } else {
      epilogue.residual = try MatrixOperation.spread(terms, to: [rows, lanes]).contiguous()
    }
    return epilogue
  }

  private func scaled(_ c: Tensor) throws -> Tensor {
    let terms = try c.converted(to: .f32, on: context.compute)
    return beta == 1 ? terms : try terms.affine(scale: beta, on: context.compute)
  }

  /// For double and whole numbers.
  private func exact(_ a: Tensor, _ b: Tensor, _ c: Tensor?, like model: Tensor) throws -> Tensor {
    let compute = context.compute
    let product = try MatrixOperation.product(
      a.converted(to: .f64, on: compute), b.converted(to: .f64, on: compute), like: nil, context)
    let terms = try c.map {
      try MatrixOperation.spread($0.converted(to: .f64, on: compute), to: product.shape.axes)
        .contiguous()
    }
    let sums = product.pointer.assumingMemoryBound(to: Double.self)
    let added = terms?.pointer.assumingMemoryBound(to: Double.self)
    for index in 0..<product.count {
      sums[index] = Double(alpha) * sums[index] + Double(beta) * (added?[index] ?? 0)
    }
    withExtendedLifetime(terms) {}
    return try product.converted(to: model.dtype, on: compute)
  }
}

/// What matrix products share.
enum MatrixOperation {
  /// `[K, N]` as a product takes it, where possible without a copy.
  static func weights(_ b: Tensor) throws -> MatrixProduct.Weights {
    let turned = b.permuted([1, 0])
    if turned.strides[1] == 1 || turned.shape[1] == 1, turned.isContiguous {
      return MatrixProduct.Weights(turned)
    }
    return MatrixProduct.Weights(try b.contiguous(), depthMajor: true)
  }

  /// A view of another shape in which axes of size 1 are repeated.
  static func spread(_ tensor: Tensor, to axes: [Int]) throws -> Tensor {
    let missing = axes.count - tensor.shape.rank
    guard missing >= 0 else {
      throw ONNXError.invalid("\(tensor.shape) does not spread to \(axes)")
    }
    var strides = [Int](repeating: 0, count: axes.count)
    for axis in 0..<tensor.shape.rank {
      let size = tensor.shape[axis]
      guard size == axes[missing + axis] || size == 1 else {
        throw ONNXError.invalid("\(tensor.shape) does not spread to \(axes)")
      }
      strides[missing + axis] = size == 1 ? 0 : tensor.strides[axis]
    }
    return Tensor(
      storage: tensor.storage, dtype: tensor.dtype, shape: try Shape(validating: axes),
      strides: strides, byteOffset: tensor.byteOffset)
  }

  /// numpy's matmul.
  ///
  /// - Parameter model: gives the result's type; nil for that of the operands.
  static func product(
    _ first: Tensor, _ second: Tensor, like model: Tensor?, _ context: OperatorContext
  ) throws -> Tensor {
    guard first.shape.rank >= 1, second.shape.rank >= 1 else {
      throw ONNXError.invalid("expected operands with axes, found \(first.shape), \(second.shape)")
    }
    let a =
      first.shape.rank == 1 ? first.viewed([1, first.shape[0]], [0, first.strides[0]]) : first
    let b =
      second.shape.rank == 1
      ? second.viewed([second.shape[0], 1], [second.strides[0], 0]) : second
    guard a.shape[-1] == b.shape[-2] else {
      throw ONNXError.invalid("\(first.shape) times \(second.shape)")
    }
    let batch = try broadcast(Array(a.shape.axes.dropLast(2)), Array(b.shape.axes.dropLast(2)))
    let result = try multiplied(a, b, batch: batch, context)
    var axes = batch
    if first.shape.rank > 1 { axes.append(a.shape[-2]) }
    if second.shape.rank > 1 { axes.append(b.shape[-1]) }
    let shaped = try result.reshaped(Shape(validating: axes))
    return try model.map { try shaped.converted(like: $0, on: context.compute) } ?? shaped
  }

  private static func broadcast(_ a: [Int], _ b: [Int]) throws -> [Int] {
    let rank = max(a.count, b.count)
    let first = [Int](repeating: 1, count: rank - a.count) + a
    let second = [Int](repeating: 1, count: rank - b.count) + b
    return try zip(first, second).map { left, right in
      guard left == right || left == 1 || right == 1 else {
        throw ONNXError.invalid("batches \(a) and \(b) do not fit")
      }
      return left == 1 ? right : left
    }
  }

  private static func multiplied(
    _ a: Tensor, _ b: Tensor, batch: [Int], _ context: OperatorContext
  ) throws -> Tensor {
    let compute = context.compute
    let (rows, depth, lanes) = (a.shape[-2], a.shape[-1], b.shape[-1])
    let isFloat = a.dtype.isFloatingPoint && a.dtype != .f64
    let type: DType = isFloat ? .f32 : a.dtype == .f64 ? .f64 : .i64
    let result = try context.tensor(batch + [rows, lanes], type)
    guard result.count > 0 else { return result }
    guard depth > 0 else { return try Tensor(zeros: result.shape, dtype: type) }
    if isFloat, b.shape.rank == 2 {  // all rows of all matrices at once
      let x = try a.converted32(on: compute).reshaped(
        Shape(validating: [batch.reduce(rows, *), depth]))
      let product = MatrixProduct(
        try weights(b.converted32(on: compute)), output: try result.reshaped([x.shape[0], lanes]))
      try MatrixProduct.run(x, [product], arithmetic: .f32, on: compute)
      return result
    }
    let left = try spread(a.converted(keepingLayout: type, on: compute), to: batch + [rows, depth])
    let right = try spread(
      b.converted(keepingLayout: type, on: compute), to: batch + [depth, lanes])
    let count = batch.reduce(1, *)
    let pairs = (0..<count).map { ($0, left.matrix($0, of: batch), right.matrix($0, of: batch)) }
    let target = try result.reshaped([count, rows, lanes])
    // Small matrices, as of attention heads, go one to a thread.
    let sharesMatrices = count >= 2 * compute.pool.threadCount
    try compute.forEachThrowing(count, inParallel: sharesMatrices) { index in
      let (_, x, y) = pairs[index]
      if isFloat {
        try MatrixProduct.run(
          x.rowsContiguous(), [MatrixProduct(try weights(y), output: target[index])],
          arithmetic: .f32, on: compute)
      } else if type == .f64 {
        try plain(x.contiguous(), y.contiguous(), target[index], Double.self, 0) { $0 + $1 * $2 }
      } else {
        try plain(x.contiguous(), y.contiguous(), target[index], Int64.self, 0) { $0 &+ $1 &* $2 }
      }
    }
    return result
  }

  private static func plain<Number: BitwiseCopyable>(
    _ x: Tensor, _ y: Tensor, _ target: Tensor, _: Number.Type, _ zero: Number,
    _ add: (Number, Number, Number) -> Number
  ) throws {
    let (rows, depth, lanes) = (x.shape[0], x.shape[1], y.shape[1])
    let a = x.pointer.assumingMemoryBound(to: Number.self)
    let b = y.pointer.assumingMemoryBound(to: Number.self)
    let c = target.pointer.assumingMemoryBound(to: Number.self)
    for row in 0..<rows {
      for lane in 0..<lanes { c[row * lanes + lane] = zero }
      for k in 0..<depth {
        for lane in 0..<lanes {
          c[row * lanes + lane] = add(
            c[row * lanes + lane], a[row * depth + k], b[k * lanes + lane])
        }
      }
    }
    withExtendedLifetime((x, y, target)) {}
  }
}

extension Tensor {
  fileprivate func viewed(_ axes: [Int], _ strides: [Int]) -> Tensor {
    Tensor(
      storage: storage, dtype: dtype, shape: Shape(axes), strides: strides, byteOffset: byteOffset)
  }

  fileprivate func converted(keepingLayout type: DType, on context: ComputeContext) throws -> Tensor
  {
    dtype == type ? self : try converted(to: type, on: context)
  }

  /// One matrix of a batch, a view.
  fileprivate func matrix(_ index: Int, of batch: [Int]) -> Tensor {
    var rest = index
    var offset = 0
    for axis in batch.indices.reversed() {
      offset += rest % batch[axis] * strides[axis]
      rest /= batch[axis]
    }
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(Array(shape.axes.suffix(2))),
      strides: Array(strides.suffix(2)), byteOffset: byteOffset + offset * dtype.byteCount)
  }

  /// Rows whose elements lie together, as products read them; a copy where they do not.
  fileprivate func rowsContiguous() throws -> Tensor {
    strides[1] == 1 || shape[1] == 1 ? self : try contiguous()
  }
}

extension ComputeContext {
  /// `pool.forEach` for bodies that throw; the first error is thrown at the end.
  func forEachThrowing(
    _ count: Int, inParallel: Bool = true, _ body: (Int) throws -> Void
  ) throws {
    guard inParallel else {
      for index in 0..<count { try body(index) }
      return
    }
    let failures = FirstFailure()
    pool.forEach(count) { index in
      do { try body(index) } catch { failures.note(error, at: index) }
    }
    if let error = failures.error { throw error }
  }
}
