import TensorCore
import Testing

@Suite struct PoolingTests {
  /// The largest of each window by the definition, `[pictures, rows, columns, channels]`.
  private func expected(
    _ x: Tensor, kernel: SIMD2<Int>, stride: SIMD2<Int>, padding: SIMD2<Int>
  ) throws -> [Float] {
    let (values, shape) = (try x.floats(), x.shape)
    var result: [Float] = []
    for picture in 0..<shape[0] {
      for row in Swift.stride(
        from: -padding.x, through: shape[1] + padding.x - kernel.x, by: stride.x)
      {
        for column in Swift.stride(
          from: -padding.y, through: shape[2] + padding.y - kernel.y, by: stride.y)
        {
          for channel in 0..<shape[3] {
            var largest = -Float.infinity
            for i in max(row, 0)..<min(row + kernel.x, shape[1]) {
              for j in max(column, 0)..<min(column + kernel.y, shape[2]) {
                let place = ((picture * shape[1] + i) * shape[2] + j) * shape[3] + channel
                largest = max(largest, values[place])
              }
            }
            result.append(largest)
          }
        }
      }
    }
    return result
  }

  @Test(
    arguments: [
      ([2, 2], [2, 2], [0, 0]), ([3, 3], [2, 2], [1, 1]), ([3, 2], [1, 3], [2, 0]),
      ([1, 1], [1, 1], [0, 0]), ([7, 9], [1, 1], [0, 0]),
    ] as [(SIMD2<Int>, SIMD2<Int>, SIMD2<Int>)], [DType.f32, .bf16])
  func largestOfWindows(
    windows: (SIMD2<Int>, SIMD2<Int>, SIMD2<Int>), dtype: DType
  ) throws {
    let (kernel, stride, padding) = windows
    let x = try TestTensors.tensor([2, 7, 9, 21], scale: 3, dtype: dtype)
    let want = try expected(x, kernel: kernel, stride: stride, padding: padding)
    let results = try TestTensors.resultsOfLevels {
      try x.maxPooled(kernel, stride: stride, padding: padding, on: $0)
    }
    for result in results {
      #expect(result.dtype == dtype)
      #expect(try result.floats().elementsEqual(want))
    }
  }

  @Test func theStrideIsTheKernelUnlessNamed() throws {
    let pooled = try TestTensors.tensor([5, 7, 3]).maxPooled([2, 3])
    #expect(pooled.shape == [2, 2, 3])
  }

  @Test func windowsThatDoNotFitAreRefused() throws {
    let x = try TestTensors.tensor([4, 4, 2])
    let windows: [(SIMD2<Int>, SIMD2<Int>, SIMD2<Int>)] = [
      ([5, 1], [1, 1], [0, 0]), ([2, 2], [0, 1], [0, 0]), ([2, 2], [1, 1], [0, 2]),
      ([0, 1], [1, 1], [0, 0]),
    ]
    for (kernel, stride, padding) in windows {
      #expect(throws: TensorError.self) {
        try x.maxPooled(kernel, stride: stride, padding: padding)
      }
    }
    #expect(throws: TensorError.self) { try TestTensors.tensor([4, 4]).maxPooled([2, 2]) }
    #expect(throws: TensorError.self) {
      try Tensor(zeros: [4, 4, 2], dtype: .u8).maxPooled([2, 2])
    }
  }
}
