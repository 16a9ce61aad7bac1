import TensorCore

/// A short trial of the chosen kernels: a machine that claims instructions it does not execute
/// correctly (some emulators) is found here and not in a spoilt video.
enum KernelSelfCheck {
  /// - Throws: `CommandError.machineUnusable`; `TensorError.outOfMemory`.
  static func run(on context: ComputeContext) throws {
    guard try conversionsAreExact(context) else { throw failure("conversions", context) }
    for arithmetic in Arithmetic.allCases where try !productsAreExact(arithmetic, context) {
      throw failure("\(arithmetic.rawValue) products", context)
    }
  }

  private static func failure(_ what: String, _ context: ComputeContext) -> CommandError {
    .machineUnusable(
      reason: "its \(context.instructionSet.rawValue) \(what) give wrong results; "
        + "set FLASHPORTRAIT_ISA to a lower level")
  }

  private static func conversionsAreExact(_ context: ComputeContext) throws -> Bool {
    // Whole numbers that both types hold; an odd count, so that vectors have a rest.
    let values = (0..<1027).map { Float($0 % 256 - 128) }
    let tensor = try Tensor(values, shape: [values.count])
    return try [DType.bf16, .f16].allSatisfy { dtype in
      try tensor.converted(to: dtype, on: context).floats(on: context) == values
    }
  }

  /// Whole numbers whose products and sums every arithmetic holds: each row reaches 127, so that
  /// its 8-bit scale is 1.
  private static func productsAreExact(
    _ arithmetic: Arithmetic, _ context: ComputeContext
  ) throws -> Bool {
    let (m, k, n) = (37, 131, 19)
    let rows = (0..<m * k).map { $0 % k == 0 ? 127 : $0 * 7 % 255 - 127 }
    let columns = (0..<n * k).map { $0 * 5 % 9 - 4 }
    let weights = try Tensor(columns.map(Float.init), shape: [n, k])
      .converted(to: arithmetic == .int8 ? .i8 : .f32, on: context)
    let scale = try Tensor([Float](repeating: 1, count: n), shape: [n])
    let result = try MatrixProduct.multiply(
      Tensor(rows.map(Float.init), shape: [m, k]),
      .init(weights, scale: arithmetic == .int8 ? scale : nil), arithmetic: arithmetic,
      engine: .kernels, on: context
    ).floats(on: context)
    return result.indices.allSatisfy { index in
      let (row, column) = (index / n * k, index % n * k)
      return result[index]
        == Float((0..<k).reduce(0) { $0 + rows[row + $1] * columns[column + $1] })
    }
  }
}
