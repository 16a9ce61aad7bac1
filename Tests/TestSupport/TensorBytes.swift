import TensorCore

extension Tensor {
  /// The elements' bytes in row-major order.
  package func bytes() throws -> [UInt8] {
    let source = try contiguous()
    return withExtendedLifetime(source) {
      Array(UnsafeRawBufferPointer(start: source.pointer, count: source.byteCount))
    }
  }
}
