extension Convolution {
  /// The bytes of a frame that stands ready, as `restoredFrame` takes them again. Their order is that
  /// of this convolution's kernel, arithmetic and instruction set, and of no other.
  ///
  /// - Parameter frame: made by `padded` for this convolution.
  /// - Returns: a view, U8 `[bytes]`.
  /// - Throws: `TensorError.outOfMemory` where the size overflows.
  package func bytes(of frame: PaddedFrame) throws -> Tensor {
    let count = try frameBytes(frame.shape)
    precondition(
      frame.byteOffset + count <= frame.storage.byteCount, "a frame of another convolution")
    return Tensor(
      storage: frame.storage, dtype: .u8, shape: [count], byteOffset: frame.byteOffset)
  }

  /// A frame that was kept.
  ///
  /// - Parameters:
  ///   - bytes: of `bytes(of:)`; they are copied.
  ///   - rows: of the picture in it; `columns` likewise.
  /// - Throws: `TensorError.shapeMismatch` where this convolution's frames have another size,
  ///   `.outOfMemory`.
  package func restoredFrame(_ bytes: Tensor, rows: Int, columns: Int) throws -> PaddedFrame {
    let shape = frameShape(rows: rows, columns: columns)
    let expected: Shape = [try frameBytes(shape)]
    guard bytes.dtype == .u8, bytes.shape == expected, bytes.isContiguous else {
      throw TensorError.shapeMismatch(
        operation: "kept frame", expected: "U8 \(expected)",
        found: "\(bytes.dtype.rawValue) \(bytes.shape)")
    }
    let storage = try TensorStorage.allocate(byteCount: bytes.byteCount)
    withExtendedLifetime(bytes) {
      storage.base.copyMemory(from: bytes.pointer, byteCount: bytes.byteCount)
    }
    return PaddedFrame(storage: storage, byteOffset: 0, shape: shape)
  }
}
