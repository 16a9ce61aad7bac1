import CKernels

/// A view of typed elements in a storage: shape, strides and an offset. Copies share the storage.
package struct Tensor: Sendable {
  /// The memory that it looks at, perhaps one of several views.
  package let storage: TensorStorage
  /// Type of its elements.
  package let dtype: DType
  /// Sizes of its axes.
  package let shape: Shape

  /// Elements between neighbours along each axis.
  package let strides: [Int]

  /// Bytes from the storage's base to the first element.
  package let byteOffset: Int

  /// A row-major tensor of undefined content.
  ///
  /// - Throws: `TensorError.outOfMemory`.
  package init(uninitialized shape: Shape, dtype: DType) throws {
    let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: dtype.byteCount)
    guard !overflow else { throw TensorError.invalidShape(shape.axes) }
    storage = try .allocate(byteCount: bytes)
    self.dtype = dtype
    self.shape = shape
    strides = shape.rowMajorStrides
    byteOffset = 0
  }

  /// A row-major tensor of zeros.
  package init(zeros shape: Shape, dtype: DType) throws {
    try self.init(uninitialized: shape, dtype: dtype)
    pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// A row-major float32 tensor with the given values.
  ///
  /// - Throws: `TensorError.shapeMismatch` where the counts differ.
  package init(_ values: [Float], shape: Shape) throws {
    guard values.count == shape.count else {
      throw TensorError.shapeMismatch(
        operation: "Tensor", expected: "\(shape.count) values for \(shape)",
        found: "\(values.count)")
    }
    try self.init(uninitialized: shape, dtype: .f32)
    values.withUnsafeBytes { source in
      if let base = source.baseAddress {
        pointer.copyMemory(from: base, byteCount: source.count)
      }
    }
  }

  /// A view of a storage. The caller has checked that it lies inside.
  package init(
    storage: TensorStorage, dtype: DType, shape: Shape, strides: [Int]? = nil, byteOffset: Int = 0
  ) {
    self.storage = storage
    self.dtype = dtype
    self.shape = shape
    self.strides = strides ?? shape.rowMajorStrides
    self.byteOffset = byteOffset
  }

  /// Elements.
  package var count: Int { shape.count }

  /// Bytes of the elements, were they contiguous.
  package var byteCount: Int { shape.count * dtype.byteCount }

  /// Address of the first element; valid while the tensor (its storage) lives.
  package var pointer: UnsafeMutableRawPointer { storage.base + byteOffset }

  /// Whether the elements lie row-major without gaps.
  package var isContiguous: Bool {
    var expected = 1
    for axis in shape.axes.indices.reversed() where shape[axis] != 1 {
      if strides[axis] != expected { return count == 0 }
      expected *= shape[axis]
    }
    return true
  }

  // MARK: Views

  /// The same elements in another shape. Copies where the tensor is not contiguous.
  ///
  /// - Throws: `TensorError.shapeMismatch` where the counts differ.
  package func reshaped(_ shape: Shape) throws -> Tensor {
    guard shape.count == count else {
      throw TensorError.shapeMismatch(
        operation: "reshape", expected: "\(count) elements (\(self.shape))", found: "\(shape)")
    }
    let source = try contiguous()
    return Tensor(
      storage: source.storage, dtype: dtype, shape: shape, byteOffset: source.byteOffset)
  }

  /// The axes in another order; a view.
  package func permuted(_ order: [Int]) -> Tensor {
    precondition(order.sorted() == Array(shape.axes.indices), "not a permutation: \(order)")
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(order.map { shape[$0] }),
      strides: order.map { strides[$0] }, byteOffset: byteOffset)
  }

  /// A range of one axis (negative axes count from the end); a view.
  package func sliced(_ range: Range<Int>, axis: Int = 0) -> Tensor {
    let axis = axis < 0 ? shape.rank + axis : axis
    precondition(
      range.lowerBound >= 0 && range.upperBound <= shape[axis], "\(range) outside axis \(axis)")
    var axes = shape.axes
    axes[axis] = range.count
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(axes), strides: strides,
      byteOffset: byteOffset + range.lowerBound * strides[axis] * dtype.byteCount)
  }

  /// One element along the first axis, and without that axis; a view.
  package subscript(index: Int) -> Tensor {
    let slice = sliced(index..<index + 1)
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(Array(shape.axes.dropFirst())),
      strides: Array(strides.dropFirst()), byteOffset: slice.byteOffset)
  }

  // MARK: Copies

  /// The tensor itself where it is contiguous, else a row-major copy.
  package func contiguous() throws -> Tensor {
    if isContiguous { return self }
    let copy = try Tensor(uninitialized: shape, dtype: dtype)
    copy.copyElements(from: self)
    return copy
  }

  /// A contiguous tensor of another element type, rounded to nearest even; itself where nothing
  /// is to do.
  package func converted(to type: DType, on context: ComputeContext = .shared) throws -> Tensor {
    if type == dtype { return try contiguous() }
    let source = try contiguous()
    let result = try Tensor(uninitialized: shape, dtype: type)
    let chunk = 1 << 16
    context.pool.forEach(count.dividedUp(by: chunk)) { index in
      let start = index * chunk
      context.kernels.pointee.convert.convert(
        result.pointer + start * type.byteCount, type.kernelType,
        source.pointer + start * dtype.byteCount, dtype.kernelType, min(chunk, count - start))
    }
    return result
  }

  /// Row-major copy of the elements as float32.
  package func floats(on context: ComputeContext = .shared) throws -> [Float] {
    let source = try converted(to: .f32, on: context)
    return withExtendedLifetime(source) {
      [Float](
        unsafeUninitializedCapacity: count
      ) { buffer, initialized in
        if count > 0 {
          UnsafeMutableRawPointer(buffer.baseAddress!).copyMemory(
            from: source.pointer, byteCount: byteCountOfFloats)
        }
        initialized = count
      }
    }
  }

  private var byteCountOfFloats: Int { count * 4 }

  /// Copies another tensor's elements, both in row-major order of equal shapes; this one is
  /// contiguous.
  private func copyElements(from source: Tensor) {
    guard count > 0 else { return }
    switch dtype.byteCount {
    case 1: copyWords(from: source, as: UInt8.self)
    case 2: copyWords(from: source, as: UInt16.self)
    case 4: copyWords(from: source, as: UInt32.self)
    default: copyWords(from: source, as: UInt64.self)
    }
  }

  /// Mapped files may hold elements at any address, so words are loaded unaligned.
  private func copyWords<Word: BitwiseCopyable>(from source: Tensor, as: Word.Type) {
    let size = MemoryLayout<Word>.size
    let inner = shape.axes.last ?? 1
    let innerStride = (source.strides.last ?? 1) * size
    var index = [Int](repeating: 0, count: shape.rank)
    var offset = 0  // bytes, of the element at `index`
    var target = pointer
    for _ in 0..<(count / inner) {
      var place = source.pointer + offset
      if innerStride == size {
        target.copyMemory(from: place, byteCount: inner * size)
        target += inner * size
      } else {
        for _ in 0..<inner {
          target.storeBytes(of: place.loadUnaligned(as: Word.self), as: Word.self)
          target += size
          place += innerStride
        }
      }
      for axis in index.indices.dropLast().reversed() {
        index[axis] += 1
        offset += source.strides[axis] * size
        if index[axis] < shape[axis] { break }
        offset -= source.strides[axis] * size * shape[axis]
        index[axis] = 0
      }
    }
  }
}
