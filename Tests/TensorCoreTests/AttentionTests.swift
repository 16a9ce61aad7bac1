import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct AttentionTests {
  static func tensor(_ axes: [Int], seed: UInt64, size: Float = 1) throws -> Tensor {
    let shape = Shape(axes)
    let values = MatrixProductTests.values(shape.count, seed: seed).map { $0 * size }
    return try Tensor(values, shape: shape)
  }

  static func rotation(_ count: Int, _ dimension: Int, seed: UInt64) throws -> Attention.Rotation {
    let cosine = try Tensor(uninitialized: [count, dimension / 2], dtype: .f32)
    let sine = try Tensor(uninitialized: [count, dimension / 2], dtype: .f32)
    let angles = MatrixProductTests.values(cosine.count, seed: seed)
    for (index, angle) in angles.enumerated() {
      // The rational points of the unit circle.
      let bottom = 1 + angle * angle
      cosine.pointer.assumingMemoryBound(to: Float.self)[index] = (1 - angle * angle) / bottom
      sine.pointer.assumingMemoryBound(to: Float.self)[index] = 2 * angle / bottom
    }
    return .init(cosine: cosine, sine: sine)
  }

  /// Rows with a norm and a rotation to be applied.
  static func rows(_ axes: [Int], seed: UInt64) throws -> Attention.Rows {
    Attention.Rows(
      try tensor(axes, seed: seed), rowScale: try tensor([axes[0]], seed: seed + 1, size: 2),
      weight: try tensor([axes[1] * axes[2]], seed: seed + 2, size: 2),
      rotation: try rotation(axes[0], axes[2], seed: seed + 3))
  }

  /// The same rows with that done beforehand, in double precision.
  static func transformed(_ rows: Attention.Rows) throws -> [Double] {
    let (heads, d) = (rows.headCount, rows.headDimension)
    var x = try rows.values.floats().map(Double.init)
    let scale = try rows.rowScale?.floats()
    let weight = try rows.weight?.floats()
    for index in x.indices {
      x[index] *=
        Double(scale?[index / (heads * d)] ?? 1) * Double(weight?[index % (heads * d)] ?? 1)
    }
    guard let rotation = rows.rotation else { return x }
    let cosine = try rotation.cosine.floats()
    let sine = try rotation.sine.floats()
    for index in stride(from: 0, to: x.count, by: 2) {
      let angle = index / (heads * d) * (d / 2) + index % d / 2
      let (c, s) = (Double(cosine[angle]), Double(sine[angle]))
      (x[index], x[index + 1]) = (x[index] * c - x[index + 1] * s, x[index] * s + x[index + 1] * c)
    }
    return x
  }

  /// Plain attention in double precision; rows outside the groups are zero.
  static func plain(
    _ queries: Attention.Rows, keys: Attention.Rows, values: Tensor, groupCount: Int = 1,
    keyCount: Int, queriesPerGroup: Int, scale: Double, bias: [Float]? = nil
  ) throws -> [Double] {
    let (heads, d) = (queries.headCount, queries.headDimension)
    let groupRows = keys.count / groupCount
    let (q, k, v) = (try transformed(queries), try transformed(keys), try values.floats())
    var result = [Double](repeating: 0, count: q.count)
    for row in 0..<min(queries.count, groupCount * queriesPerGroup) {
      for head in 0..<heads {
        let first = row / queriesPerGroup * groupRows
        let scores = (0..<keyCount).map { key in
          let score = (0..<d).reduce(0.0) {
            $0 + q[(row * heads + head) * d + $1] * k[((first + key) * heads + head) * d + $1]
          }
          return score * scale + Double(bias?[(head * queries.count + row) * keyCount + key] ?? 0)
        }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let sum = weights.reduce(0, +)
        for key in 0..<keyCount {
          for i in 0..<d {
            result[(row * heads + head) * d + i] +=
              weights[key] / sum * Double(v[((first + key) * heads + head) * d + i])
          }
        }
      }
    }
    return result
  }

  static func largestDifference(_ got: [Float], _ want: [Double]) -> (Double, Int) {
    zip(got, want).enumerated().map { (abs(Double($1.0) - $1.1), $0) }
      .max { $0.0 < $1.0 } ?? (0, 0)
  }

  @Test(arguments: InstructionSet.available, [Arithmetic.f32, .bf16])
  func sameBytesForAnyThreadCount(level: InstructionSet, arithmetic: Arithmetic) throws {
    let queries = try Self.rows([500, 3, 40], seed: 1)
    let keys = try Self.rows([410, 3, 40], seed: 11)
    let values = try Self.tensor([410, 3, 40], seed: 21)
    let results = try [1, 2, 3, 4].map { threads in
      try Attention.attend(
        queries, keys: keys, values: values, arithmetic: arithmetic,
        on: ComputeContext(instructionSet: level, threadCount: threads)
      ).floats()
    }
    for result in results { #expect(result == results[0]) }
    #expect(results[0].contains { $0 != 0 })
  }

  /// A query alone has the bits that it has among others.
  @Test(arguments: InstructionSet.tested, [Arithmetic.f32, .bf16])
  func queriesDoNotDependOnTheirNeighbours(level: InstructionSet, arithmetic: Arithmetic) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let queries = Attention.Rows(try Self.tensor([300, 2, 40], seed: 1))
    let keys = try Attention.PackedKeys(
      keys: Attention.Rows(try Self.tensor([700, 2, 40], seed: 2, size: 4)),
      values: try Self.tensor([700, 2, 40], seed: 3), arithmetic: arithmetic, on: context)
    func attended(_ rows: Range<Int>) throws -> [Float] {
      let output = try Tensor(uninitialized: [rows.count, 2, 40], dtype: .f32)
      try Attention.attend(
        Attention.Rows(queries.values.sliced(rows)), to: keys, into: output, on: context)
      return try output.floats()
    }
    let whole = try attended(0..<300)
    let cuts = [0..<1, 1..<3, 3..<36, 36..<101, 101..<299, 299..<300]
    #expect(try cuts.flatMap(attended).elementsEqual(whole))
    #expect(whole.contains { $0 != 0 })
  }

  @Test(arguments: InstructionSet.available, [Arithmetic.f32, .bf16])
  func matchesPlainLoops(level: InstructionSet, arithmetic: Arithmetic) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let queries = try Self.rows([75, 2, 34], seed: 1)
    let keys = try Self.rows([230, 2, 34], seed: 11)
    let values = try Self.tensor([230, 2, 34], seed: 21)
    let bias = try Self.tensor([2, 75, 219], seed: 31, size: 3)
    let got = try Attention.attend(
      queries, keys: keys, values: values, keyCount: 219, scale: 0.2, bias: bias,
      arithmetic: arithmetic, on: context)
    let want = try Self.plain(
      queries, keys: keys, values: values, keyCount: 219, queriesPerGroup: 75, scale: 0.2,
      bias: bias.floats())
    let (error, index) = Self.largestDifference(try got.floats(), want)
    // bfloat16 has 8 bits: scores up to 4 are off by 0.01, the weighted mean of values by less.
    #expect(error <= (arithmetic == .f32 ? 3e-6 : 0.01), "off by \(error) at \(index)")
  }

  @Test func groupsSeeTheirOwnKeys() throws {
    let context = try ComputeContext(instructionSet: .best, threadCount: 2)
    let queries = Attention.Rows(try Self.tensor([50, 2, 32], seed: 1))
    let keys = Attention.Rows(try Self.tensor([3 * 97, 2, 32], seed: 2))
    let values = try Self.tensor([3 * 97, 2, 32], seed: 3)
    let got = try Attention.attend(
      queries, keys: keys, values: values, groupCount: 3, queriesPerGroup: 16, arithmetic: .f32,
      on: context
    ).floats()
    let want = try Self.plain(
      queries, keys: keys, values: values, groupCount: 3, keyCount: 97, queriesPerGroup: 16,
      scale: 1 / 32.0.squareRoot())
    let (error, index) = Self.largestDifference(got, want)
    #expect(error <= 3e-6, "off by \(error) at \(index)")
    #expect(got.suffix(2 * 64).allSatisfy { $0 == 0 })
  }

  /// Text and picture have a softmax each, and the results are added.
  @Test func packedKeysServeManyQueriesAndAdd() throws {
    let context = try ComputeContext(instructionSet: .best, threadCount: 3)
    let sources = try [7, 260].map { count in
      (
        Attention.Rows(try Self.tensor([count, 2, 16], seed: UInt64(count))),
        try Self.tensor([count, 2, 16], seed: UInt64(count) + 1)
      )
    }
    let packed = try sources.map {
      try Attention.PackedKeys(keys: $0.0, values: $0.1, arithmetic: .f32, on: context)
    }
    for seed in [100, 200] as [UInt64] {
      let queries = Attention.Rows(try Self.tensor([33, 2, 16], seed: seed))
      let output = try Tensor(uninitialized: [33, 2, 16], dtype: .f32)
      for (index, keys) in packed.enumerated() {
        try Attention.attend(queries, to: keys, into: output, adding: index > 0, on: context)
      }
      let parts = try sources.map {
        try Self.plain(
          queries, keys: $0.0, values: $0.1, keyCount: $0.0.count, queriesPerGroup: 33, scale: 0.25)
      }
      let (error, index) = Self.largestDifference(
        try output.floats(), zip(parts[0], parts[1]).map { $0 + $1 })
      #expect(error <= 4e-6, "off by \(error) at \(index)")
    }
  }

  /// Slices of one projection's result, [L, 3 * heads, d], bfloat16 in and out.
  @Test func readsAndWritesViews() throws {
    let context = try ComputeContext(instructionSet: .best, threadCount: 2)
    let joint = try Self.tensor([60, 6, 24], seed: 5).converted(to: .bf16, on: context)
    let parts = (0..<3).map { joint.sliced($0 * 2..<$0 * 2 + 2, axis: 1) }
    let got = try Attention.attend(
      Attention.Rows(parts[0]), keys: Attention.Rows(parts[1]), values: parts[2],
      arithmetic: .bf16, outputType: .bf16, on: context)
    let want = try Self.plain(
      Attention.Rows(parts[0]), keys: Attention.Rows(parts[1]), values: parts[2], keyCount: 60,
      queriesPerGroup: 60, scale: 1 / 24.0.squareRoot())
    let (error, index) = Self.largestDifference(try got.floats(), want)
    #expect(error <= 0.005, "off by \(error) at \(index)")
  }

  @Test(arguments: [(0, 5), (5, 0), (0, 0)]) func emptyIsZero(queries: Int, keys: Int) throws {
    let context = try ComputeContext(instructionSet: .best, threadCount: 2)
    let got = try Attention.attend(
      Attention.Rows(try Self.tensor([queries, 2, 16], seed: 1)),
      keys: Attention.Rows(try Self.tensor([keys, 2, 16], seed: 2)),
      values: try Self.tensor([keys, 2, 16], seed: 3), arithmetic: .bf16, on: context)
    #expect(try got.floats() == [Float](repeating: 0, count: queries * 32))
  }

  /// Beyond the packed keys, memory does not depend on the lengths: no score matrix anywhere.
  @Test(arguments: InstructionSet.available, [Arithmetic.f32, .bf16])
  func memoryGrowsWithTheLength(level: InstructionSet, arithmetic: Arithmetic) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 1)
    let sizes = [4096, 32768].map { length in
      Attention.memory(
        length: length, heads: 40, headDimension: 128, arithmetic: arithmetic, on: context)
    }
    for (length, size) in zip([4096, 32768], sizes) {
      // Keys and values, and less than a block of keys more in each head.
      #expect(size.packed <= 2 * 40 * 128 * 4 * (length + 512))
    }
    #expect(sizes[0].scratch == sizes[1].scratch)
    #expect(sizes[0].scratch < 1 << 20)
  }

  #if os(Linux)
    /// The scores of this call would take 2.4 GB; the process must not have grown by a good part
    /// of that at any time. Other tests run meanwhile, hence the wide limit.
    @Test func scoresAreNeverWholeInMemory() throws {
      let context = try ComputeContext(instructionSet: .best, threadCount: 2)
      let length = 24576
      let rows = Attention.Rows(try Self.tensor([length, 1, 16], seed: 1))
      let before = try Self.largestResidentBytes()
      let got = try Attention.attend(
        rows, keys: rows, values: rows.values, arithmetic: .f32, on: context)
      #expect(try got.floats().allSatisfy { abs($0) < 1 })
      #expect(try Self.largestResidentBytes() - before < 800 << 20)
    }

    /// High-water mark of the process's resident memory.
    static func largestResidentBytes() throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
      return try #require(Int(line.filter(\.isNumber))) << 10
    }
  #endif

  @Test func refusesWhatDoesNotFit() throws {
    let rows = Attention.Rows(try Self.tensor([6, 2, 16], seed: 1))
    let values = try Self.tensor([6, 2, 16], seed: 2)
    let context = try ComputeContext(instructionSet: .generic, threadCount: 1)
    func attend(
      _ queries: Attention.Rows, _ values: Tensor, groups: Int = 1, keys: Int? = nil,
      perGroup: Int? = nil, scale: Float? = nil, bias: Tensor? = nil,
      arithmetic: Arithmetic = .f32
    ) throws {
      _ = try Attention.attend(
        queries, keys: rows, values: values, groupCount: groups, keyCount: keys,
        queriesPerGroup: perGroup, scale: scale, bias: bias, arithmetic: arithmetic, on: context)
    }
    try attend(rows, values)
    let odd = try Self.tensor([6, 2, 15], seed: 3)
    let turned = Attention.Rows(
      odd, rotation: .init(cosine: try Self.tensor([42], seed: 4), sine: odd))
    #expect(throws: TensorError.self) { try attend(rows, odd) }
    #expect(throws: TensorError.self) { try attend(turned, values) }
    #expect(throws: TensorError.self) { try attend(Attention.Rows(odd), values) }
    #expect(throws: TensorError.self) { try attend(rows, values, groups: 4) }
    #expect(throws: TensorError.self) { try attend(rows, values, groups: 2) }
    #expect(throws: TensorError.self) { try attend(rows, values, groups: 2, perGroup: 4) }
    #expect(throws: TensorError.self) { try attend(rows, values, perGroup: -1) }
    #expect(throws: TensorError.self) { try attend(rows, values, keys: 7) }
    #expect(throws: TensorError.self) { try attend(rows, values, keys: -1) }
    #expect(throws: TensorError.self) { try attend(rows, values, scale: -1) }
    #expect(throws: TensorError.self) { try attend(rows, values, scale: .nan) }
    #expect(throws: TensorError.self) { try attend(rows, values, bias: values) }
    #expect(throws: TensorError.self) { try attend(rows, values, arithmetic: .int8) }
  }
}
