import TensorCore
import TestSupport
import Testing

@Suite struct MatrixProductTests {
  /// Numbers in [-1, 1) that look random and are the same everywhere.
  static func values(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 23) - 1
    }
  }

  static func matrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Tensor {
    try Tensor(values(rows * columns, seed: seed), shape: [rows, columns])
  }

  @Test(arguments: InstructionSet.tested, Arithmetic.allCases)
  func sameBytesForAnyThreadCount(level: InstructionSet, arithmetic: Arithmetic) throws {
    let m = 150
    let n = 210
    let k = 1500
    let x = try Self.matrix(m, k, seed: 1)
    let weights = try Self.weights(n, k, arithmetic)
    let bias = try Tensor(Self.values(n, seed: 3), shape: [n])
    let results = try [1, 2, 3, 4].map { threads in
      let context = try ComputeContext(instructionSet: level, threadCount: threads)
      return try MatrixProduct.multiply(
        x, weights, prologue: .init(norm: .layer(epsilon: 1e-6)),
        epilogue: .init(bias: bias, activation: .geluTanh), arithmetic: arithmetic, on: context
      ).floats()
    }
    for result in results { #expect(result.elementsEqual(results[0])) }
    #expect(results[0].contains { $0 != 0 })
  }

  /// Rows of a shorter window, or of a tile, have the bits that they have in the whole.
  @Test(arguments: InstructionSet.tested, Arithmetic.allCases)
  func rowsDoNotDependOnTheirNeighbours(level: InstructionSet, arithmetic: Arithmetic) throws {
    let (m, n, k) = (level == .amx ? 45 : 77, 55, 600)
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let x = try Self.matrix(m, k, seed: 31)
    let weights = try Self.weights(n, k, arithmetic)
    func product(_ rows: Range<Int>) throws -> [Float] {
      try MatrixProduct.multiply(
        x.sliced(rows), weights, prologue: .init(norm: .rms(epsilon: 1e-6)),
        epilogue: .init(activation: .silu), arithmetic: arithmetic, on: context
      ).floats()
    }
    let whole = try product(0..<m)
    let cuts = [0..<1, 1..<3, 3..<6, 6..<13, 13..<m - 20, m - 20..<m - 1, m - 1..<m]
    #expect(try cuts.flatMap(product).elementsEqual(whole))
    #expect(whole.contains { $0 != 0 })
  }

  @Test(arguments: MatrixEngine.allCases, Arithmetic.allCases)
  func emptyProducts(engine: MatrixEngine, arithmetic: Arithmetic) throws {
    for (m, n, k) in [(0, 3, 5), (3, 0, 5), (3, 4, 0), (0, 0, 0)] {
      let bias = try Tensor([Float](repeating: 2, count: n), shape: [n])
      let got = try MatrixProduct.multiply(
        Self.matrix(m, k, seed: 1), Self.weights(n, k, arithmetic), epilogue: .init(bias: bias),
        arithmetic: arithmetic, engine: engine)
      #expect(got.shape == [m, n])
      #expect(try got.floats() == [Float](repeating: 2, count: m * n))
    }
  }

  /// A matrix of one row is contiguous whatever its stride says.
  @Test(arguments: MatrixEngine.allCases) func oneRowOfAnyStride(engine: MatrixEngine) throws {
    let x = try Self.matrix(2, 40, seed: 1)
    let column = try Self.matrix(40, 1, seed: 2)
    let results = try [column.permuted([1, 0]), column.reshaped([1, 40])].map {
      try MatrixProduct.multiply(x, .init($0), arithmetic: .f32, engine: engine).floats()
    }
    #expect(results[0] == results[1])
    #expect(results[0].contains { $0 != 0 })
  }

  static func weights(_ n: Int, _ k: Int, _ arithmetic: Arithmetic) throws -> MatrixProduct.Weights
  {
    let values = try matrix(n, k, seed: 2)
    guard arithmetic == .int8 else { return .init(values) }
    let codes = try Tensor(uninitialized: [n, k], dtype: .i8)
    let pointer = codes.pointer.assumingMemoryBound(to: Int8.self)
    for (index, value) in try values.floats().enumerated() {
      pointer[index] = Int8(clamping: Int((value * 127).rounded()))
    }
    return .init(codes, scale: try Tensor([Float](repeating: 1 / 127, count: n), shape: [n]))
  }

  @Test(arguments: InstructionSet.tested)
  func matchesPlainLoops(level: InstructionSet) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    for (m, n, k) in [(1, 1, 1), (3, 5, 7), (33, 49, 600), (70, 100, 64)] {
      let x = try Self.matrix(m, k, seed: 5)
      let w = try Self.matrix(n, k, seed: 6)
      let got = try MatrixProduct.multiply(x, .init(w), arithmetic: .f32, on: context).floats()
      let (a, b) = (try x.floats(), try w.floats())
      for row in 0..<m {
        for lane in 0..<n {
          let want = (0..<k).reduce(0.0) { $0 + Double(a[row * k + $1]) * Double(b[lane * k + $1]) }
          let error = abs(Double(got[row * n + lane]) - want)
          #expect(error <= 1e-6 * Double(k), "[\(row), \(lane)] of \(m)x\(n)x\(k): off by \(error)")
        }
      }
    }
  }

  /// More rows than are packed at a time: with this many columns, 1024 or a few less. The loops are
  /// the same at every level; the plain C one would only be slow.
  @Test(arguments: InstructionSet.available.suffix(2), [2, 7])
  func rowsOfALaterBatchAreTheSameAlone(level: InstructionSet, threads: Int) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: threads)
    let columns = 70_000
    let x = try Tensor(zeros: [1100, columns], dtype: .bf16)
    let some = try Self.matrix(3, columns, seed: 31).converted(to: .bf16)
    let last = x.sliced(1097..<1100)
    last.pointer.copyMemory(from: some.pointer, byteCount: some.byteCount)
    let weights = try Self.matrix(80, columns, seed: 32).converted(to: .bf16)
    let whole = try MatrixProduct.multiply(x, .init(weights), arithmetic: .bf16, on: context)
    let alone = try MatrixProduct.multiply(some, .init(weights), arithmetic: .bf16, on: context)
    let values = try alone.floats()
    #expect(try whole.sliced(1097..<1100).floats().elementsEqual(values))
    #expect(values.allSatisfy { $0 != 0 })
    #expect(try whole.sliced(0..<1097).floats().allSatisfy { $0 == 0 })
  }

  @Test func sharedRowsGiveTheSameAsSeparateProducts() throws {
    let x = try Self.matrix(40, 96, seed: 7)
    let weights = try (0..<3).map { try Self.matrix(50, 96, seed: 8 + UInt64($0)) }
    let prologue = MatrixProduct.Prologue(norm: .rms(epsilon: 1e-6))
    let outputs = try weights.map { _ in try Tensor(uninitialized: [40, 50], dtype: .bf16) }
    try MatrixProduct.run(
      x, prologue: prologue,
      zip(weights, outputs).map { MatrixProduct(.init($0), output: $1) }, arithmetic: .bf16)
    for (weight, output) in zip(weights, outputs) {
      let alone = try MatrixProduct.multiply(
        x, .init(weight), prologue: prologue, arithmetic: .bf16, outputType: .bf16)
      #expect(try alone.floats().elementsEqual(output.floats()))
    }
  }

  @Test func outputMayBeTheResidual() throws {
    let x = try Self.matrix(20, 32, seed: 11)
    let w = try Self.matrix(32, 32, seed: 12)
    let gate = try Tensor(Self.values(32, seed: 13), shape: [32])
    let separate = try MatrixProduct.multiply(
      x, .init(w), epilogue: .init(gate: gate, residual: x), arithmetic: .f32)
    let before = try Tensor(try x.floats(), shape: [20, 32])
    try MatrixProduct.run(
      before,
      [MatrixProduct(.init(w), epilogue: .init(gate: gate, residual: before), output: before)],
      arithmetic: .f32)
    #expect(try before.floats().elementsEqual(separate.floats()))
  }

  @Test(arguments: [false, true]) func openBLASAgreesWithTheKernels(depthMajor: Bool) throws {
    let x = try Self.matrix(300, 70, seed: 21)
    let w = try Self.matrix(depthMajor ? 70 : 600, depthMajor ? 600 : 70, seed: 22)
    let bias = try Tensor(Self.values(600, seed: 23), shape: [600])
    let results = try [MatrixEngine.kernels, .openBLAS].map { engine in
      try MatrixProduct.multiply(
        x, .init(w, depthMajor: depthMajor), prologue: .init(norm: .layer(epsilon: 1e-6)),
        epilogue: .init(bias: bias, activation: .silu), arithmetic: .f32, engine: engine
      ).floats()
    }
    // Sums of 70 products of about 1, added in another order.
    for (kernel, blas) in zip(results[0], results[1]) { #expect(abs(kernel - blas) < 2e-5) }
    #expect(results[0].contains { $0 != 0 })
  }

  @Test func wrongShapesAreErrors() throws {
    let x = try Self.matrix(4, 8, seed: 1)
    let w = try Self.matrix(5, 9, seed: 1)
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(x, .init(w), arithmetic: .f32)
    }
    let good = try Self.matrix(5, 8, seed: 1)
    let bias = try Tensor([1, 2, 3], shape: [3])
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(x, .init(good), epilogue: .init(bias: bias), arithmetic: .f32)
    }
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(x, .init(good), arithmetic: .int8)
    }
    let long = try Tensor(blank: [2, 1 << 16 + 1], dtype: .bf16)
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(
        long,
        .init(Tensor(blank: [2, 1 << 16 + 1], dtype: .i8), scale: Tensor([1, 1], shape: [2])),
        arithmetic: .int8)
    }
    let scalar = try Tensor([1], shape: [])
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(scalar, .init(good), arithmetic: .f32)
    }
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(x, .init(scalar), arithmetic: .f32)
    }
    // Rows that are not contiguous.
    #expect(throws: TensorError.self) {
      try MatrixProduct.multiply(
        Self.matrix(8, 4, seed: 1).permuted([1, 0]), .init(good), arithmetic: .f32)
    }
  }
}
