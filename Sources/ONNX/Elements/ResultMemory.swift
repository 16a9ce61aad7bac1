import TensorCore

/// Results from this size on are held against the memory that is left before they are made: the
/// system promises more than it has, and a file may ask for anything.
private let bytesWorthAsking = 64 << 20

/// A row-major tensor of undefined content for a result.
///
/// - Throws: `OperatorFailure` where it is larger than the memory that is left.
func allocateResult(_ shape: Shape, _ type: DType) throws -> Tensor {
  let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: type.byteCount)
  if overflow || bytes >= bytesWorthAsking {
    let usable = SystemMemory.current().usable
    guard !overflow, bytes <= usable else {
      throw OperatorFailure(
        "a result of shape \(shape) and type \(type.rawValue) needs more than the \(usable >> 20) MB "
          + "of memory that are left")
    }
  }
  return try Tensor(uninitialized: shape, dtype: type)
}

/// The same for sizes that came from a file or from an input.
func allocateResult(axes: [Int], _ type: DType) throws -> Tensor {
  try allocateResult(Shape(validating: axes), type)
}
