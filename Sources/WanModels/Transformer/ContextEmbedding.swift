import Layers
import TensorCore

/// The prompt's rows on their way to the blocks (`text_embedding`).
struct TextEmbedding: Sendable {
  private let first: Linear  // text_embedding.0
  private let second: Linear  // text_embedding.2
  private let config: TransformerConfig
  private let execution: Execution

  init(_ config: TransformerConfig, weights: any TensorSource, execution: Execution) throws {
    first = try Linear(config.textDim, config.dim, weights: weights.scoped("text_embedding.0."))
    second = try Linear(config.dim, config.dim, weights: weights.scoped("text_embedding.2."))
    self.config = config
    self.execution = execution
  }

  /// - Parameter text: `[n, text_dim]`, n at most the text length.
  /// - Returns: `[text length, dim]`: rows of zeros are appended, embedded like all others, and
  ///   attended to.
  func callAsFunction(_ text: Tensor) throws -> Tensor {
    guard text.shape.rank == 2, text.shape[1] == config.textDim,
      text.shape[0] <= config.textLength
    else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "prompt",
        expected: "at most \(config.textLength) rows of \(config.textDim)", found: "\(text.shape)")
    }
    let rows = try Tensor(zeros: [config.textLength, config.textDim], dtype: .f32)
    let known = try text.converted(to: .f32, on: execution.context)
    rows.pointer.copyMemory(from: known.pointer, byteCount: known.byteCount)
    withExtendedLifetime(known) {}
    let hidden = try first(rows, epilogue: .init(activation: .geluTanh), execution)
    return try second(hidden, execution)
  }
}

/// The picture's rows on their way to the blocks (`img_emb`, Wan2.1 `MLPProj`).
struct ImageEmbedding: Sendable {
  private let firstNorm: LayerNorm  // img_emb.proj.0
  private let first: Linear  // img_emb.proj.1
  private let second: Linear  // img_emb.proj.3
  private let secondNorm: LayerNorm  // img_emb.proj.4
  private let config: TransformerConfig
  private let execution: Execution

  /// torch's default, which the published code leaves in place here.
  private static let epsilon: Float = 1e-5

  init(_ config: TransformerConfig, weights: any TensorSource, execution: Execution) throws {
    let weights = weights.scoped("img_emb.proj.")
    let width = config.imageDim
    firstNorm = try LayerNorm(width, epsilon: Self.epsilon, weights: weights.scoped("0."))
    first = try Linear(width, width, weights: weights.scoped("1."))
    second = try Linear(width, config.dim, weights: weights.scoped("3."))
    secondNorm = try LayerNorm(config.dim, epsilon: Self.epsilon, weights: weights.scoped("4."))
    self.config = config
    self.execution = execution
  }

  /// - Parameter image: `[257, image_dim]`: rows of the image encoder.
  /// - Returns: `[257, dim]`.
  func callAsFunction(_ image: Tensor) throws -> Tensor {
    guard image.shape.rank == 2, image.shape[0] > 0, image.shape[1] == config.imageDim else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "image rows",
        expected: "[rows, \(config.imageDim)]",
        found: "\(image.shape)")
    }
    let rows = try image.converted(to: .f32, on: execution.context)
    let hidden = try first(
      rows, prologue: firstNorm.prologue, epilogue: .init(activation: .geluErf), execution)
    let projected = try second(hidden, outputType: .f32, execution)
    return try secondNorm(projected, as: execution.activationType, execution)
  }
}
