import CKernels

/// Arithmetic of a matrix product.
package enum Arithmetic: String, CaseIterable, Sendable {
  /// Float32 operands and sums.
  case f32
  /// Operands rounded to bfloat16, sums in float32.
  case bf16
  /// Operands quantised to 8 bits (rows as they come, weights beforehand), sums in int32.
  case int8

  var kernelCompute: fp_compute {
    switch self {
    case .f32: FP_COMPUTE_F32
    case .bf16: FP_COMPUTE_BF16
    case .int8: FP_COMPUTE_I8
    }
  }
}

/// Normalisation of each row on its way into a product.
package enum RowNorm: Sendable, Equatable {
  case none
  /// Subtract the mean, divide by the deviation (biased variance + epsilon).
  case layer(epsilon: Float)
  /// Divide by the root of the mean square + epsilon.
  case rms(epsilon: Float)
}

/// The function between the bias and the rest of an epilogue.
package enum Activation: Sendable, CaseIterable {
  case none, geluTanh, geluErf, silu, relu

  /// The kernels' name for it.
  package var kernelActivation: fp_activation {
    switch self {
    case .none: FP_ACTIVATION_NONE
    case .geluTanh: FP_ACTIVATION_GELU_TANH
    case .geluErf: FP_ACTIVATION_GELU_ERF
    case .silu: FP_ACTIVATION_SILU
    case .relu: FP_ACTIVATION_RELU
    }
  }
}

/// The product of rows with weights, with what surrounds it done on the way in and out:
/// `y = epilogue(prologue(x) * w^T)`.
///
/// The same bytes for any number of threads, and for a row alone or among others: the sum over k is
/// cut by k alone. (OpenBLAS keeps to the former only.)
package struct MatrixProduct: Sendable {
  /// What happens to a row of x before the product: `norm(x) * multiply + add + factor * addend`, in
  /// float32.
  package struct Prologue: Sendable {
    /// Over the K elements of a row.
    package var norm: RowNorm
    /// `[K]` float32, nil for 1.
    package var multiply: Tensor?
    /// `[K]` float32, nil for 0.
    package var add: Tensor?
    /// `[M, K]` float32, bfloat16 or float16, rows contiguous; nil for 0.
    package var addend: Tensor?
    /// What `addend` is multiplied with.
    package var addendFactor: Float

    package init(
      norm: RowNorm = .none, multiply: Tensor? = nil, add: Tensor? = nil, addend: Tensor? = nil,
      addendFactor: Float = 1
    ) {
      self.norm = norm
      self.multiply = multiply
      self.add = add
      self.addend = addend
      self.addendFactor = addendFactor
    }

    /// For some of the rows.
    func rows(_ range: Range<Int>) -> Prologue {
      var part = self
      part.addend = addend?.sliced(range)
      return part
    }
  }

  /// Weights where they lie, a mapped file included.
  package struct Weights: Sendable {
    /// `[N, K]` (a Linear layer's), or `[K, N]` with `depthMajor`; rows contiguous. Any floating
    /// type; I8 for `Arithmetic.int8`.
    package var values: Tensor
    /// `[N]` float32: what an 8-bit weight is worth, one for each output channel.
    package var scale: Tensor?
    /// Whether `values` are `[K, N]`.
    package var depthMajor: Bool

    package init(_ values: Tensor, scale: Tensor? = nil, depthMajor: Bool = false) {
      self.values = values
      self.scale = scale
      self.depthMajor = depthMajor
    }

    /// N.
    package var outputCount: Int { values.shape[depthMajor ? 1 : 0] }
    /// K.
    package var inputCount: Int { values.shape[depthMajor ? 0 : 1] }
  }

  /// What happens to a sum: `activation(sum + bias) * factor * gate + residual`, in float32.
  package struct Epilogue: Sendable {
    /// `[N]` float32.
    package var bias: Tensor?
    /// Of the sum and its bias.
    package var activation: Activation
    /// `[M, N]` float32 or bfloat16: the other half of a gated feed-forward.
    package var factor: Tensor?
    /// `[N]` float32.
    package var gate: Tensor?
    /// `[M, N]` float32 or bfloat16; may be the output itself.
    package var residual: Tensor?

    package init(
      bias: Tensor? = nil, activation: Activation = .none, factor: Tensor? = nil,
      gate: Tensor? = nil, residual: Tensor? = nil
    ) {
      self.bias = bias
      self.activation = activation
      self.factor = factor
      self.gate = gate
      self.residual = residual
    }
  }

  /// What the rows are multiplied with.
  package var weights: Weights
  /// What happens to the sums.
  package var epilogue: Epilogue
  /// `[M, N]` float32 or bfloat16, rows contiguous; written in place.
  package var output: Tensor

  package init(_ weights: Weights, epilogue: Epilogue = Epilogue(), output: Tensor) {
    self.weights = weights
    self.epilogue = epilogue
    self.output = output
  }

  /// One product into a new tensor.
  ///
  /// - Parameters:
  ///   - x: `[M, K]` float32, bfloat16 or float16, rows contiguous.
  ///   - outputType: `.f32` or `.bf16`.
  /// - Returns: `[M, N]`.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package static func multiply(
    _ x: Tensor, _ weights: Weights, prologue: Prologue = Prologue(),
    epilogue: Epilogue = Epilogue(), arithmetic: Arithmetic, outputType: DType = .f32,
    engine: MatrixEngine = .automatic, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try x.require(rank: 2, types: [.f32, .bf16, .f16], "matrix product, rows")
    try weights.values.require(rank: 2, types: DType.allCases, "matrix product, weights")
    let output = try Tensor(
      uninitialized: [x.shape[0], weights.outputCount], dtype: outputType)
    try run(
      x, prologue: prologue, [MatrixProduct(weights, epilogue: epilogue, output: output)],
      arithmetic: arithmetic, engine: engine, on: context)
    return output
  }

  /// Several products of the same rows: these are normalised, rounded and packed once.
  ///
  /// - Parameter x: `[M, K]` float32, bfloat16 or float16, rows contiguous. A result may take its
  ///   place only row by row (the same storage and strides).
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.readOnlyResult`, `.outOfMemory`.
  package static func run(
    _ x: Tensor, prologue: Prologue = Prologue(), _ products: [MatrixProduct],
    arithmetic: Arithmetic, engine: MatrixEngine = .automatic,
    on context: ComputeContext = .shared
  ) throws {
    for product in products {
      try product.validate(x, prologue: prologue, arithmetic: arithmetic)
    }
    let m = x.shape[0]
    let k = x.shape[1]
    let products = products.filter { $0.weights.outputCount > 0 }
    guard m > 0, !products.isEmpty else { return }
    if engine.usesOpenBLAS(arithmetic) {
      return try OpenBLASProduct(context: context).run(x, prologue: prologue, products)
    }
    let batch = try PackedBatch(
      rows: m, k: k, arithmetic: arithmetic, products: products, context: context)
    for start in stride(from: 0, to: m, by: batch.capacity) {
      let rows = start..<min(start + batch.capacity, m)
      batch.pack(x.sliced(rows), prologue: prologue.rows(rows))
      batch.multiply(rows: rows)
    }
  }
}

/// Rows packed for products, a bounded number at a time, and the scratch memory of the threads.
private struct PackedBatch {
  let capacity: Int
  /// The products, and how each is shared out: cut for a full batch and kept for the last, smaller
  /// one, since the scratch memory was measured for these cuts.
  private let products: [(product: MatrixProduct, share: Share)]
  private let k: Int
  private let arithmetic: Arithmetic
  private let context: ComputeContext
  private let packed: Tensor
  private let rowScales: Tensor
  private let scratch: WorkerScratch

  /// Packed rows take at most this many bytes, so that memory does not grow with x.
  private static let packedLimit = 128 << 20

  /// Rows that one call takes: enough to make the packing of the weights cheap beside the product.
  private static let rowsPerCall = 1024

  private var kernels: UnsafePointer<fp_matmul_kernels> {
    context.kernels.pointer(to: \.matmul)!
  }

  private var tile: fp_tile_kernels { arithmetic.tile(in: context) }

  init(
    rows: Int, k: Int, arithmetic: Arithmetic, products: [MatrixProduct],
    context: ComputeContext
  ) throws {
    self.k = k
    self.arithmetic = arithmetic
    self.context = context
    let tile = arithmetic.tile(in: context)
    let tileRows = Int(tile.rows)
    let rowBytes = (k * 4 / Int(tile.group) + 64) / 64 * 64
    let limit = max(Self.rowsPerCall, Self.packedLimit / rowBytes)
    let capacity = min(rows, limit / tileRows * tileRows).roundedUp(toMultipleOf: tileRows)
    self.capacity = capacity
    self.products = products.map { product in
      let share = Share(
        rows: min(rows, capacity), lanes: product.weights.outputCount, tile: tile,
        threads: context.pool.threadCount)
      return (product, share)
    }
    let compute = arithmetic.kernelCompute
    let matmul = context.kernels.pointer(to: \.matmul)!
    packed = try Tensor(
      uninitialized: [fp_linear_packed_bytes(matmul, compute, Int64(capacity), Int64(k))],
      dtype: .u8)
    rowScales = try Tensor(uninitialized: [capacity], dtype: .f32)

    var needed = fp_linear_pack_scratch_bytes(Int64(k))
    for (_, share) in self.products {
      var linear = fp_linear()
      linear.compute = compute
      linear.k = Int64(k)
      needed = max(
        needed,
        fp_linear_scratch_bytes(
          matmul, &linear, Int64(share.rows), Int64(share.lanes.first?.count ?? 0)))
    }
    scratch = try WorkerScratch(byteCount: needed, context: context)
  }

  /// How the rows and lanes of a product are shared out among calls.
  struct Share {
    /// Rows of a call; the last may have fewer.
    let rows: Int
    /// Lanes of each call, in order. They get fewer towards the end, so that all threads finish at
    /// about the same time.
    let lanes: [Range<Int>]

    /// Starts from what suits the caches. Rows are cut only where lanes alone do not give all
    /// threads work: every cut of the rows packs the weights once more.
    init(rows: Int, lanes: Int, tile: fp_tile_kernels, threads: Int) {
      let tileRows = Int(tile.rows)
      let tileLanes = Int(tile.lanes)
      var rowShare = min(rows, PackedBatch.rowsPerCall).roundedUp(toMultipleOf: tileRows)
      let wanted = threads == 1 ? 1 : 6 * threads
      while rows.dividedUp(by: rowShare) * lanes.dividedUp(by: 4 * tileLanes) < wanted,
        rowShare > 128
      {
        rowShare = (rowShare / 2).roundedUp(toMultipleOf: tileRows)
      }
      self.rows = rowShare
      let rowCalls = rows.dividedUp(by: rowShare)
      let largest = Int(tile.block_lanes).roundedUp(toMultipleOf: tileLanes)
      let sharers = threads == 1 ? 1 : max(1, 2 * threads / rowCalls)
      var ranges: [Range<Int>] = []
      var start = 0
      while start < lanes {
        let fair = ((lanes - start) / sharers).roundedUp(toMultipleOf: tileLanes)
        let end = min(start + min(largest, max(fair, tileLanes)), lanes)
        ranges.append(start..<end)
        start = end
      }
      self.lanes = ranges
    }
  }

  /// Packs rows: `x` is `[rows, K]`.
  func pack(_ x: Tensor, prologue: MatrixProduct.Prologue) {
    var linear = fp_linear()
    linear.compute = arithmetic.kernelCompute
    linear.m = Int64(x.shape[0])
    linear.k = Int64(k)
    linear.prologue = prologue.kernelPrologue(of: x)
    let panels = Int(fp_linear_panels(kernels, linear.compute, linear.m))
    let share = max(1, 64 / Int(tile.rows))
    let scales = rowScales.pointer.assumingMemoryBound(to: Float.self)
    context.pool.forEach(panels.dividedUp(by: share)) { piece, worker in
      let begin = piece * share
      fp_linear_pack(
        kernels, &linear, Int64(begin), Int64(min(begin + share, panels)), packed.pointer, scales,
        scratch.pointer(of: worker))
    }
    withExtendedLifetime((x, prologue)) {}
  }

  /// Multiplies the packed rows, which are `rows` of x, for every product.
  func multiply(rows: Range<Int>) {
    for (product, share) in products { multiply(product, share, rows: rows) }
  }

  private func multiply(_ product: MatrixProduct, _ share: Share, rows: Range<Int>) {
    var linear = fp_linear()
    linear.compute = arithmetic.kernelCompute
    linear.m = Int64(rows.count)
    linear.n = Int64(product.weights.outputCount)
    linear.k = Int64(k)
    linear.weights = product.weights.kernelWeights
    linear.epilogue = product.kernelEpilogue(rows: rows)
    let rowCalls = rows.count.dividedUp(by: share.rows)
    let convert = context.kernels.pointer(to: \.convert)!
    let scales = rowScales.pointer.assumingMemoryBound(to: Float.self)
    // Neighbouring calls share their weights, so that these come from memory once.
    context.pool.forEach(share.lanes.count * rowCalls) { piece, worker in
      let row = piece % rowCalls * share.rows
      let lanes = share.lanes[piece / rowCalls]
      fp_linear_multiply(
        kernels, &linear, packed.pointer, scales, Int64(row),
        Int64(min(row + share.rows, rows.count)), Int64(lanes.lowerBound),
        Int64(lanes.upperBound), scratch.pointer(of: worker), convert)
    }
    withExtendedLifetime(product) {}
  }
}

extension Arithmetic {
  /// The tile kernel of this arithmetic.
  func tile(in context: ComputeContext) -> fp_tile_kernels {
    let tiles = context.kernels.pointee.matmul.tile
    return switch self {
    case .f32: tiles.0
    case .bf16: tiles.1
    case .int8: tiles.2
    }
  }
}
