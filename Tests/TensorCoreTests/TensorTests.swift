import TensorCore
import Testing

@Suite struct TensorTests {
  /// 0, 1, 2 ... in the given shape.
  static func counting(_ shape: Shape) throws -> Tensor {
    try Tensor((0..<shape.count).map(Float.init), shape: shape)
  }

  @Test func holdsItsValues() throws {
    let tensor = try Tensor([1, 2.5, -3, 0, 1e9, -0.0], shape: [2, 3])
    #expect(tensor.shape == [2, 3])
    #expect(tensor.dtype == .f32)
    #expect(tensor.count == 6)
    #expect(tensor.byteCount == 24)
    #expect(tensor.isContiguous)
    let values = try tensor.floats()
    #expect(values == [1, 2.5, -3, 0, 1e9, 0])
    #expect(values[5].sign == .minus)
  }

  @Test func valuesMustFillTheShape() {
    #expect(
      throws: TensorError.shapeMismatch(
        operation: "Tensor", expected: "6 values for [2, 3]", found: "5")
    ) { try Tensor([1, 2, 3, 4, 5], shape: [2, 3]) }
  }

  @Test(arguments: DType.allCases) func zerosAreZero(type: DType) throws {
    let tensor = try Tensor(zeros: [3, 7], dtype: type)
    #expect(tensor.byteCount == 21 * type.byteCount)
    let bytes = UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)
    #expect(bytes.allSatisfy { $0 == 0 })
    withExtendedLifetime(tensor) {}
  }

  @Test func copiesShareTheStorage() throws {
    let tensor = try Self.counting([4])
    let other = tensor
    tensor.pointer.storeBytes(of: 99, as: Float.self)
    #expect(try other.floats() == [99, 1, 2, 3])
  }

  @Test func emptyAndScalarTensors() throws {
    for shape: Shape in [[0], [3, 0], [0, 3, 2]] {
      let tensor = try Tensor([], shape: shape)
      #expect(try tensor.floats() == [])
      #expect(tensor.isContiguous)
      let backwards = tensor.permuted(Array((0..<shape.rank).reversed()))
      #expect(try backwards.contiguous().floats() == [])
      #expect(try tensor.converted(to: .bf16).count == 0)
    }
    let scalar = try Tensor([7], shape: [])
    #expect(try scalar.floats() == [7])
    #expect(try scalar.reshaped([1, 1]).floats() == [7])
  }

  // MARK: Views

  @Test func reshapeKeepsTheOrder() throws {
    let tensor = try Self.counting([2, 3, 4])
    let flat = try tensor.reshaped([24])
    #expect(flat.storage === tensor.storage)
    #expect(try flat.floats() == tensor.floats())
    #expect(try tensor.reshaped([4, 6]).strides == [6, 1])
  }

  @Test func reshapeOfOtherCountIsRefused() throws {
    let tensor = try Self.counting([2, 3])
    #expect(
      throws: TensorError.shapeMismatch(
        operation: "reshape", expected: "6 elements ([2, 3])", found: "[7]")
    ) { try tensor.reshaped([7]) }
  }

  @Test func reshapeOfAPermutedTensorCopies() throws {
    let tensor = try Self.counting([2, 3]).permuted([1, 0])
    let flat = try tensor.reshaped([6])
    #expect(flat.storage !== tensor.storage)
    #expect(try flat.floats() == [0, 3, 1, 4, 2, 5])
  }

  @Test(arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
  func permutationMovesElements(order: [Int]) throws {
    let tensor = try Self.counting([2, 3, 5])
    let view = tensor.permuted(order)
    #expect(view.storage === tensor.storage)
    #expect(view.shape == Shape(order.map { tensor.shape[$0] }))
    #expect(view.isContiguous == (order == [0, 1, 2]))
    #expect(try view.floats() == elements(of: view))
  }

  @Test func axesOfSizeOneDoNotMatterForContiguity() throws {
    let tensor = try Self.counting([1, 4, 1, 3])
    #expect(tensor.permuted([2, 1, 0, 3]).isContiguous)
    #expect(tensor.permuted([1, 0, 3, 2]).isContiguous)
    #expect(!tensor.permuted([3, 0, 2, 1]).isContiguous)
  }

  @Test func slicesAreViews() throws {
    let tensor = try Self.counting([4, 3])
    let rows = tensor.sliced(1..<3)
    #expect(rows.storage === tensor.storage)
    #expect(rows.isContiguous)
    #expect(try rows.floats() == [3, 4, 5, 6, 7, 8])
    let columns = tensor.sliced(1..<2, axis: -1)
    #expect(columns.shape == [4, 1])
    #expect(!columns.isContiguous)
    #expect(try columns.floats() == [1, 4, 7, 10])
    #expect(try tensor.sliced(4..<4).floats() == [])
    #expect(try rows.sliced(1..<2).sliced(0..<2, axis: 1).floats() == [6, 7])
  }

  @Test func contiguousTensorsAreNotCopied() throws {
    let tensor = try Self.counting([4, 3])
    #expect(try tensor.contiguous().storage === tensor.storage)
    #expect(try tensor.sliced(0..<2, axis: 1).contiguous().storage !== tensor.storage)
  }

  /// Copies of every element size, of slices of permuted views.
  @Test(arguments: DType.allCases) func strideCopiesMoveBytes(type: DType) throws {
    let shape: Shape = [3, 4, 5]
    let tensor = try Tensor(uninitialized: shape, dtype: type)
    let size = type.byteCount
    for byte in 0..<tensor.byteCount {
      tensor.pointer.storeBytes(
        of: UInt8(truncatingIfNeeded: byte * 7), toByteOffset: byte, as: UInt8.self)
    }
    let view = tensor.permuted([2, 0, 1]).sliced(1..<4, axis: 0).sliced(1..<3, axis: 2)
    let copy = try view.contiguous()
    #expect(copy.shape == [3, 3, 2])
    var position = 0
    for a in 0..<3 {
      for b in 0..<3 {
        for c in 0..<2 {
          let source = (b * 20 + (c + 1) * 5 + a + 1) * size
          for byte in 0..<size {
            let found = copy.pointer.load(fromByteOffset: position + byte, as: UInt8.self)
            #expect(found == UInt8(truncatingIfNeeded: (source + byte) * 7))
          }
          position += size
        }
      }
    }
  }

  @Test func viewsOfUnalignedBytesAreCopiedRight() throws {
    let bytes = try Tensor(zeros: [64], dtype: .u8)
    for index in 0..<6 {
      (bytes.pointer + 1 + 4 * index).storeBytes(of: Float(index), as: Float.self)
    }
    let view = Tensor(storage: bytes.storage, dtype: .f32, shape: [2, 3], byteOffset: 1)
    #expect(try view.permuted([1, 0]).floats() == [0, 3, 1, 4, 2, 5])
    #expect(try view.floats() == [0, 1, 2, 3, 4, 5])
  }

  // MARK: Conversion

  @Test func conversionRoundsToNearestEven() throws {
    // 1 + 2^-8 lies between two bfloat16 values, and 1 + 3 * 2^-8 too.
    let tensor = try Tensor([1 + 0x1p-8, 1 + 0x3p-8, -2, .infinity], shape: [4])
    let rounded = try tensor.converted(to: .bf16)
    #expect(rounded.dtype == .bf16)
    #expect(try rounded.floats() == [1, 1 + 0x4p-8, -2, .infinity])
    let nan = try Tensor([.nan], shape: [1]).converted(to: .bf16).floats()
    #expect(nan[0].isNaN)
  }

  @Test func conversionToTheSameTypeSharesTheStorage() throws {
    let tensor = try Self.counting([3])
    #expect(try tensor.converted(to: .f32).storage === tensor.storage)
  }

  /// More elements than one piece of work, at an odd count.
  @Test(arguments: [1, 3]) func largeConversionsDoNotDependOnThreads(threads: Int) throws {
    let context = try ComputeContext(instructionSet: .generic, threadCount: threads)
    let count = 3 << 16 | 17
    let tensor = try Self.counting([count]).converted(to: .i32, on: context)
    let floats = try tensor.floats(on: context)
    // A comparison without ==: its failure would print the difference of two long arrays.
    #expect(floats.count == count)
    #expect(floats.indices.first { floats[$0] != Float($0) } == nil)
  }

  /// The elements of a view by its strides, one at a time.
  private func elements(of view: Tensor) -> [Float] {
    (0..<view.count).map { position in
      var rest = position
      var offset = 0
      for axis in view.shape.axes.indices.reversed() {
        offset += rest % view.shape[axis] * view.strides[axis]
        rest /= view.shape[axis]
      }
      return view.pointer.load(fromByteOffset: 4 * offset, as: Float.self)
    }
  }
}
