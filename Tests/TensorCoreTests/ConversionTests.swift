import Foundation
import TensorCore
import Testing

@Suite struct ConversionTests {
  /// Through every type that holds small whole numbers, and back, on 1, 2 and 4 threads.
  @Test(arguments: DType.allCases.filter { $0 != .bool }) func wholeNumbersSurvive(_ type: DType)
    throws
  {
    let values = (0..<200_003).map { Float($0 % 8) }
    let x = try Tensor(values, shape: [values.count])
    for result in try TestTensors.resultsOfLevels({ try x.converted(to: type, on: $0) }) {
      #expect(result.dtype == type)
      #expect(try result.floats() == values)
    }
  }

  @Test func toBooleans() throws {
    let x = try Tensor([0, -0.0, .leastNonzeroMagnitude, -3, .nan], shape: [5]).converted(to: .bool)
    #expect(try TestTensors.bytes(x) == [0, 0, 1, 1, 1])
  }

  /// Bits of PyTorch 2.15, and of the documented choice where PyTorch's are undefined.
  @Test(arguments: [
    (DType.bf16, [0x3f80, 0x3f80, 0x3f82, 0x7f80, 0xff80, 0x0001]),
    (.f16, [0x3c00, 0x3c04, 0x3c0c, 0x7c00, 0xfc00, 0x0000]),
    (.i8, [1, 1, 1, 0x7f, 0x80, 0]),
    (.u8, [1, 1, 1, 0xff, 0, 0]),
    (.f8e4m3, [0x38, 0x38, 0x38, 0x7e, 0xfe, 0]),
    (.f8e5m2, [0x3c, 0x3c, 0x3c, 0x7c, 0xfc, 0]),
  ]) func bits(type: DType, want: [Int]) throws {
    // 1; two ties of BF16; too large for all but BF16; minus infinity; a subnormal number.
    let x = try Tensor([1, 1 + 0x1p-8, 1 + 0x3p-8, 3.4e38, -.infinity, 0x1p-133], shape: [6])
    for result in try TestTensors.resultsOfLevels({ try x.converted(to: type, on: $0) }) {
      let bytes = try TestTensors.bytes(result)
      let got = stride(from: 0, to: bytes.count, by: type.byteCount).map { at in
        (0..<type.byteCount).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
      }
      #expect(got == want)
    }
  }
}
