import TensorCore
import Testing

@Suite struct ShapeTests {
  @Test func countsElementsAndStrides() {
    let shape: Shape = [2, 3, 5]
    #expect(shape.rank == 3)
    #expect(shape.count == 30)
    #expect(shape.rowMajorStrides == [15, 5, 1])
    #expect(shape[0] == 2)
    #expect(shape[-1] == 5)
    #expect(shape[-3] == 2)
    #expect("\(shape)" == "[2, 3, 5]")
  }

  @Test func scalarHasOneElement() {
    let shape: Shape = []
    #expect(shape.rank == 0)
    #expect(shape.count == 1)
    #expect(shape.rowMajorStrides == [])
    #expect("\(shape)" == "[]")
  }

  @Test func emptyAxisMakesNoElements() throws {
    #expect(try Shape(validating: [4, 0, 7]).count == 0)
    #expect(Shape([4, 0, 7]).count == 0)
    #expect(try Shape(validating: [4, 0, 7]) == [4, 0, 7])
  }

  @Test(arguments: [
    [-1], [3, -2], [Int.min], [Int.max, 2], [1 << 32, 1 << 32], [0, Int.max, Int.max],
    [Int.max, Int.max, 0], [0, -1], [1 << 21, 1 << 21, 1 << 21],
  ])
  func impossibleAxesAreRefused(axes: [Int]) {
    #expect(throws: TensorError.invalidShape(axes)) { try Shape(validating: axes) }
  }

  @Test func largestShapesAreValid() throws {
    #expect(try Shape(validating: [Int.max]).count == Int.max)
    let shape = try Shape(validating: [1 << 31, 1 << 31])
    #expect(shape.count == 1 << 62)
    #expect(shape.rowMajorStrides == [1 << 31, 1])
  }

  @Test func everyErrorSaysWhatItFound() {
    let errors: [(TensorError, String)] = [
      (.invalidShape([2, -1]), "[2, -1]"),
      (.outOfMemory(bytes: 123), "123 bytes"),
      (.shapeMismatch(operation: "add", expected: "[2]", found: "[3]"), "add: expected [2], found"),
      (.unsupportedType(operation: "matmul", found: .i64), "matmul: element type I64"),
      (.readOnlyResult(operation: "add"), "add: the result would go into read-only memory"),
      (.mapFailed(path: "a.bin", reason: "gone"), "a.bin: cannot be mapped: gone"),
      (.unknownInstructionSet("sse"), "FLASHPORTRAIT_ISA=sse"),
      (.unavailableInstructionSet("amx", best: "avx2"), "its best is avx2"),
    ]
    for (error, part) in errors { #expect("\(error)".contains(part)) }
  }
}

@Suite struct DTypeTests {
  @Test func sizesAndKinds() {
    let sizes: [DType: Int] = [
      .f32: 4, .bf16: 2, .f16: 2, .f64: 8, .i8: 1, .u8: 1, .i16: 2, .i32: 4, .i64: 8,
      .f8e4m3: 1, .f8e5m2: 1, .bool: 1, .u16: 2, .u32: 4, .u64: 8,
    ]
    #expect(sizes.count == DType.allCases.count)
    for type in DType.allCases { #expect(type.byteCount == sizes[type], "\(type)") }
    #expect(
      Set(DType.allCases.filter(\.isFloatingPoint)) == [.f32, .bf16, .f16, .f64, .f8e4m3, .f8e5m2])
  }

  @Test func namesAreThoseOfSafetensors() {
    let names = [
      "F32", "BF16", "F16", "F64", "I8", "U8", "I16", "I32", "I64", "F8_E4M3", "F8_E5M2", "BOOL",
      "U16", "U32", "U64",
    ]
    #expect(Set(DType.allCases.map(\.rawValue)) == Set(names))
  }

  @Test func kernelTypesAreDistinct() {
    #expect(Set(DType.allCases.map(\.kernelType.rawValue)).count == DType.allCases.count)
  }
}
