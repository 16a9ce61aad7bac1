import Synchronization

/// Where a network takes its weights from: a checkpoint, a formula, or nothing yet.
///
/// A network's `init(config:weights:)` claims every tensor that it needs by its checkpoint name and
/// shape. A source may hand out a tensor of zeros for one that it lacks and report all of them
/// together afterwards, so an initialiser does nothing with the values but keep or rearrange them.
package protocol TensorSource: Sendable {
  /// The tensor of that name.
  ///
  /// - Parameters:
  ///   - shape: the shape that the network's configuration asks for.
  ///   - dtype: element type to convert to, nil for the one that is stored.
  /// - Throws: what keeps the source from going on; not what it can report later.
  func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor
}

extension TensorSource {
  /// The tensor of that name in the type that is stored.
  package func claim(_ name: String, shape: Shape) throws -> Tensor {
    try claim(name, shape: shape, as: nil)
  }

  /// The same source for a part of the network: `prefix` is put before every name.
  package func scoped(_ prefix: String) -> ScopedTensorSource {
    ScopedTensorSource(base: self, prefix: prefix)
  }
}

/// A source seen from a part of a network, whose names lack what comes before it.
package struct ScopedTensorSource: TensorSource {
  private let base: any TensorSource
  private let prefix: String

  fileprivate init(base: any TensorSource, prefix: String) {
    self.base = base
    self.prefix = prefix
  }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    try base.claim(prefix + name, shape: shape, as: dtype)
  }

  package func scoped(_ prefix: String) -> ScopedTensorSource {
    ScopedTensorSource(base: base, prefix: self.prefix + prefix)
  }
}

/// Name and shape of a tensor that a network needs.
package struct TensorDeclaration: Sendable, Equatable {
  /// The whole name in a checkpoint.
  package let name: String
  /// The shape that the network's configuration asks for.
  package let shape: Shape

  /// What the network wants it converted to, nil where any type will do.
  package let dtype: DType?

  package init(name: String, shape: Shape, dtype: DType? = nil) {
    self.name = name
    self.shape = shape
    self.dtype = dtype
  }
}

/// A source without weights: it notes what a network asks for and hands out zeros that take no
/// memory, so that the tensors of the largest network can be listed on any machine.
package final class RecordingTensorSource: TensorSource {
  private let noted = Mutex<[TensorDeclaration]>([])

  package init() {}

  /// What was claimed so far, in order.
  package var declarations: [TensorDeclaration] { noted.withLock { $0 } }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    noted.withLock { $0.append(TensorDeclaration(name: name, shape: shape, dtype: dtype)) }
    return try Tensor(blank: shape, dtype: dtype ?? .f32)
  }
}

extension Tensor {
  /// A read-only tensor of zeros that takes no memory, whatever its shape.
  ///
  /// - Throws: `TensorError.outOfMemory` where even the addresses run out.
  package init(blank shape: Shape, dtype: DType) throws {
    let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: dtype.byteCount)
    guard !overflow else { throw TensorError.invalidShape(shape.axes) }
    self.init(storage: try .blank(byteCount: bytes), dtype: dtype, shape: shape)
  }
}
