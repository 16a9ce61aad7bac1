import CKernels
import COpenBLAS

/// Who computes a product.
package enum MatrixEngine: String, CaseIterable, Sendable {
  /// Our kernels, but OpenBLAS for float32 on a processor that we have no vector kernels for.
  case automatic
  case kernels
  /// OpenBLAS's sgemm; float32 only.
  case openBLAS = "openblas"

  /// Whether OpenBLAS is to compute a product.
  func usesOpenBLAS(_ arithmetic: Arithmetic) -> Bool {
    switch self {
    case .automatic: arithmetic == .f32 && InstructionSet.best == .generic
    case .kernels: false
    case .openBLAS: arithmetic == .f32
    }
  }
}

/// What the linked OpenBLAS says of itself.
package enum OpenBLAS {
  /// Version, build options and the core type that it chose.
  package static var configuration: String { String(cString: openblas_get_config()) }
}

/// Products through sgemm, one single-threaded call a piece: OpenBLAS's own threads would make the
/// result depend on their number.
struct OpenBLASProduct {
  let context: ComputeContext

  /// Rows and lanes of one call; the same for any number of threads.
  private static let share = (rows: 256, lanes: 512)

  private static let runsSingleThreaded: Void = openblas_set_num_threads(1)

  func run(_ x: Tensor, prologue: MatrixProduct.Prologue, _ products: [MatrixProduct]) throws {
    _ = Self.runsSingleThreaded
    let prepared = try prepare(x, prologue: prologue)
    for product in products {
      let weights = try product.weights.values.converted(to: .f32, on: context)
      try multiply(prepared, weights, product)
    }
  }

  /// The rows after their prologue: `[M, K rounded up to 16]` float32.
  private func prepare(_ x: Tensor, prologue: MatrixProduct.Prologue) throws -> Tensor {
    let m = x.shape[0]
    let k = x.shape[1]
    let chunks = k.dividedUp(by: 16)
    let result = try Tensor(uninitialized: [m, chunks * 16], dtype: .f32)
    let scratch = try Tensor(uninitialized: [context.pool.threadCount, max(k, 1)], dtype: .f32)
    var parameters = prologue.kernelPrologue(of: x)
    let prepareRow = context.kernels.pointee.matmul.prepare_row!
    context.pool.forEach(m) { row, worker in
      let floats = scratch.pointer.assumingMemoryBound(to: Float.self) + worker * max(k, 1)
      prepareRow(
        FP_COMPUTE_F32, &parameters, Int64(row), Int64(k), result.pointer + row * result.rowBytes,
        64, Int64(chunks), floats, nil)
    }
    withExtendedLifetime((x, prologue)) {}
    return result
  }

  private func multiply(_ rows: Tensor, _ weights: Tensor, _ product: MatrixProduct) throws {
    let m = rows.shape[0]
    let n = product.weights.outputCount
    let k = product.weights.inputCount
    let share = Self.share
    let laneCalls = n.dividedUp(by: share.lanes)
    let sums = try Tensor(
      uninitialized: [context.pool.threadCount, share.rows * share.lanes], dtype: .f32)
    var epilogue = product.kernelEpilogue(rows: 0..<m)
    let store = context.kernels.pointee.matmul.store!
    let depthMajor = product.weights.depthMajor
    // Of a single row any stride is contiguous, but sgemm wants the length of a row.
    let stride = max(weights.strides[0], weights.shape[1], 1)
    context.pool.forEach(m.dividedUp(by: share.rows) * laneCalls) { piece, worker in
      let row = piece / laneCalls * share.rows
      let lane = piece % laneCalls * share.lanes
      let (rowCount, laneCount) = (min(share.rows, m - row), min(share.lanes, n - lane))
      let target = sums.pointer.assumingMemoryBound(to: Float.self) + worker * sums.shape[1]
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, depthMajor ? CblasNoTrans : CblasTrans, blasint(rowCount),
        blasint(laneCount), blasint(k), 1, rows.floatPointer + row * rows.strides[0],
        blasint(max(rows.strides[0], 1)),
        weights.floatPointer + lane * (depthMajor ? 1 : stride), blasint(stride), 0,
        target, blasint(laneCount))
      var arguments = fp_store_args()
      arguments.c = UnsafeRawPointer(target)
      arguments.c_row = laneCount * 4
      arguments.row = Int64(row)
      arguments.lane = Int64(lane)
      arguments.rows = Int32(rowCount)
      arguments.lanes = Int32(laneCount)
      store(&epilogue, &arguments)
    }
    withExtendedLifetime((rows, weights, product)) {}
  }
}
