import TensorCore
import Testing

@Suite struct CopyingTests {
  @Test func intoAPartOfALargerTensor() throws {
    let source = try TestTensors.tensor([3, 2, 5])
    let results = try TestTensors.resultsOfLevels { context in
      let whole = try Tensor(zeros: [3, 4, 9], dtype: .bf16)
      try source.copy(into: whole.sliced(1..<3, axis: 1).sliced(2..<7, axis: 2), on: context)
      return whole
    }
    let rounded = try source.converted(to: .bf16).floats()
    for result in results {
      let values = try result.floats()
      for (index, value) in values.enumerated() {
        let (picture, row, column) = (index / 36, index / 9 % 4 - 1, index % 9 - 2)
        let isInside = (0..<2).contains(row) && (0..<5).contains(column)
        #expect(value == (isInside ? rounded[(picture * 2 + row) * 5 + column] : 0))
      }
    }
  }

  /// A view that repeats a row: strides may be zero.
  @Test func repeatedRows() throws {
    let row = try TestTensors.tensor([1, 4])
    let many = Tensor(storage: row.storage, dtype: .f32, shape: [1000, 4], strides: [0, 1])
    let target = try Tensor(zeros: [1000, 4], dtype: .f32)
    try many.copy(into: target)
    #expect(try target.floats().elementsEqual(many.floats()))
  }

  @Test func targetsThatDoNotFitAreRefused() throws {
    let x = try TestTensors.tensor([2, 3])
    let columns = try Tensor(zeros: [3, 2], dtype: .f32).permuted([1, 0])
    #expect(throws: TensorError.self) { try x.copy(into: Tensor(zeros: [3, 2], dtype: .f32)) }
    #expect(throws: TensorError.self) { try x.copy(into: columns) }
    #expect(throws: TensorError.readOnlyResult(operation: "copy")) {
      try x.copy(into: Tensor(blank: [2, 3], dtype: .f32))
    }
  }
}
