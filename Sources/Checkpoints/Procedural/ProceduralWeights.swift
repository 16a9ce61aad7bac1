import TensorCore

/// Weights made from their names and shapes alone, the same on every machine: for tests without
/// downloads and for checkpoints of any size.
package enum ProceduralWeights {
  /// Bytes made at a time where a tensor is streamed.
  private static let chunk = 16 << 20

  /// The weight of this checkpoint name and shape. Every value is a bfloat16, whatever the type.
  package static func tensor(
    _ name: String, shape: Shape, dtype: DType, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try tensor(
      name, shape: shape, dtype: dtype, rule: ProceduralRule(name: name, shape: shape), on: context)
  }

  /// A test input: the same stream, evenly spread over [-scale, scale).
  package static func noise(
    _ name: String, shape: Shape, scale: Float, dtype: DType = .f32,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    try tensor(name, shape: shape, dtype: dtype, rule: ProceduralRule(scale: scale), on: context)
  }

  private static func tensor(
    _ name: String, shape: Shape, dtype: DType, rule: ProceduralRule, on context: ComputeContext
  ) throws -> Tensor {
    let direct: DType = dtype == .bf16 ? .bf16 : .f32
    let tensor = try Tensor(uninitialized: shape, dtype: direct)
    context.fillProcedurally(
      tensor.pointer, dtype: direct, hash: hash(of: name), range: 0..<shape.count,
      offset: rule.offset, scale: rule.scale, absolute: rule.absolute)
    return try tensor.converted(to: dtype, on: context)
  }

  /// Makes a weight piece by piece and hands over the bytes in order, so that the largest need
  /// little memory.
  ///
  /// - Parameter dtype: the element type of the bytes.
  package static func stream(
    _ name: String, shape: Shape, dtype: DType, on context: ComputeContext = .shared,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let rule = ProceduralRule(name: name, shape: shape)
    let direct: DType = dtype == .bf16 ? .bf16 : .f32
    let step = chunk / direct.byteCount
    let buffer = try Tensor(uninitialized: [min(step, shape.count)], dtype: direct)
    for start in stride(from: 0, to: shape.count, by: step) {
      let range = start..<min(start + step, shape.count)
      context.fillProcedurally(
        buffer.pointer, dtype: direct, hash: hash(of: name), range: range, offset: rule.offset,
        scale: rule.scale, absolute: rule.absolute)
      let piece = try buffer.sliced(0..<range.count).converted(to: dtype, on: context)
      try withExtendedLifetime(piece) {
        try body(UnsafeRawBufferPointer(start: piece.pointer, count: piece.byteCount))
      }
    }
  }

  /// FNV-1a, 64 bits, of the name's UTF-8 bytes.
  static func hash(of name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension SafetensorsWriter {
  /// Writes a weight made by formula, piece by piece.
  package func writeProcedural(
    _ entry: TensorEntry, on context: ComputeContext = .shared
  ) throws {
    try ProceduralWeights.stream(
      entry.name, shape: entry.shape, dtype: entry.dtype, on: context
    ) { try append($0, to: entry.name) }
  }
}

/// A source of weights made by formula.
package struct ProceduralTensorSource: TensorSource {
  private let prefix: String
  private let dtype: DType
  private let context: ComputeContext

  /// - Parameters:
  ///   - prefix: put before every name ("visual.").
  ///   - dtype: type of tensors that are claimed in the type that is stored.
  package init(prefix: String = "", dtype: DType = .f32, on context: ComputeContext = .shared) {
    self.prefix = prefix
    self.dtype = dtype
    self.context = context
  }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    try ProceduralWeights.tensor(
      prefix + name, shape: shape, dtype: dtype ?? self.dtype, on: context)
  }
}
