import Layers
import TensorCore

/// A block that sees the previous frame's input beside its own (TAEHV `MemBlock`):
/// relu(convolutions([x, previous x]) + x), with the previous x of the first frame zero.
///
/// The first convolution is stored as one of the two frames' channels together. It runs as one over
/// time, two frames long, so that each frame is laid out once and the cache is that of any causal
/// convolution.
struct MemoryBlock: Sendable {
  private let first: Convolution
  private let second: Convolution
  private let third: Convolution

  /// Claims "conv.0", "conv.2" and "conv.4", weights and biases.
  init(_ width: Int, weights: any TensorSource, execution: Execution) throws {
    let pair = try weights.claim("conv.0.weight", shape: [width, 2 * width, 3, 3], as: .f32)
    first = try Convolution(
      weight: Self.alongTime(pair),
      bias: weights.claim("conv.0.bias", shape: [width], as: .f32),
      geometry: .causal(kernel: SIMD3(2, 3, 3)), arithmetic: execution.floatingArithmetic,
      on: execution.context)
    second = try .plane(width, width, weights: weights.scoped("conv.2."), execution: execution)
    third = try .plane(width, width, weights: weights.scoped("conv.4."), execution: execution)
  }

  /// `[out, (current, previous) in, 3, 3]` to `[out, in, (previous, current), 3, 3]`.
  private static func alongTime(_ weight: Tensor) throws -> Tensor {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1] / 2)
    let source = try weight.contiguous()
    let result = try Tensor(uninitialized: [outputs, inputs, 2, 3, 3], dtype: .f32)
    let taps = 9 * source.dtype.byteCount
    for output in 0..<outputs {
      for input in 0..<inputs {
        for (time, half) in [(1, 0), (0, 1)] {
          let from = (output * 2 + half) * inputs + input
          let into = (output * inputs + input) * 2 + time
          (result.pointer + into * taps).copyMemory(
            from: source.pointer + from * taps, byteCount: taps)
        }
      }
    }
    return result
  }

  /// Operations of one frame.
  func operationCount(positions: Int) -> Double {
    [first, second, third].reduce(0) { $0 + $1.operationCount(positions: positions) }
  }

  /// - Parameters:
  ///   - x: `[frames, rows, columns, width]`, the next frames; overwritten.
  ///   - memory: of this block, empty before the first frame.
  /// - Returns: `x`.
  func callAsFunction(
    _ x: Tensor, memory: inout CausalFrameCache, _ execution: Execution
  ) throws -> Tensor {
    let type = execution.activationType
    var y = try first(
      x, cache: &memory, epilogue: .init(activation: .relu), outputType: type)
    y = try second(y, epilogue: .init(activation: .relu), outputType: type)
    return try third(y, epilogue: .init(residual: x, last: .relu), output: x)
  }

  // MARK: Memory

  /// Frames that a block remembers of a clip.
  static func rememberedFrames(of frameCount: Int) -> Int { min(frameCount, 1) }

  /// Views of what is remembered, U8 `[bytes]` each.
  func bytes(of memory: CausalFrameCache) throws -> [Tensor] {
    try memory.frames.map(first.bytes)
  }

  /// One of `bytes(of:)` again, of a frame of `rows` and `columns`.
  ///
  /// - Throws: `TensorError.shapeMismatch`, `.outOfMemory`.
  func restoredFrame(_ bytes: Tensor, rows: Int, columns: Int) throws -> PaddedFrame {
    try first.restoredFrame(bytes, rows: rows, columns: columns)
  }
}

extension [MemoryBlock] {
  /// The blocks of a stage, numbered from `first` on.
  init(_ width: Int, first: Int, weights: any TensorSource, execution: Execution) throws {
    self = try (0..<TinyVAEConfig.blocksPerStage).map {
      try MemoryBlock(width, weights: weights.scoped("\(first + $0)."), execution: execution)
    }
  }
}

extension Convolution {
  /// A 3x3 convolution within each frame, of the input's size unless the geometry says otherwise.
  /// Claims "weight" and, unless told otherwise, "bias".
  static func plane(
    _ inputs: Int, _ outputs: Int, bias hasBias: Bool = true,
    geometry: ConvolutionGeometry = .init(padding: [0, 1, 1]), weights: any TensorSource,
    execution: Execution
  ) throws -> Convolution {
    try Convolution(
      weight: weights.claim("weight", shape: [outputs, inputs, 3, 3]),
      bias: hasBias ? weights.claim("bias", shape: [outputs], as: .f32) : nil, geometry: geometry,
      arithmetic: execution.floatingArithmetic, on: execution.context)
  }
}
