import Layers
import TensorCore

/// A stack of blocks at ever smaller sizes; what comes from below is enlarged and added
/// (face-alignment `HourGlass`).
struct Hourglass: Sendable {
  /// The largest pictures first.
  private let levels: [Level]
  /// Below the last level.
  private let bottom: ConvolutionBlock  // b2_plus_1
  private let execution: Execution

  private struct Level: Sendable {
    let upper: ConvolutionBlock  // b1_4 ... b1_1
    let lower: ConvolutionBlock  // b2_4 ...
    let after: ConvolutionBlock  // b3_4 ...
  }

  /// - Parameter weights: scoped to the hourglass ("model.m0.").
  init(
    depth: Int, channels: Int, weights: any TensorSource, execution: Execution
  ) throws {
    self.execution = execution
    func block(_ name: String) throws -> ConvolutionBlock {
      try ConvolutionBlock(
        channels, channels, weights: weights.scoped(name + "."), execution: execution)
    }
    levels = try (1...depth).reversed().map { level in
      Level(
        upper: try block("b1_\(level)"), lower: try block("b2_\(level)"),
        after: try block("b3_\(level)"))
    }
    bottom = try block("b2_plus_1")
  }

  /// - Parameter x: `[pictures, rows, columns, channels]`.
  /// - Returns: of the same shape.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try run(x, level: 0) }

  private func run(_ x: Tensor, level: Int) throws -> Tensor {
    let context = execution.context
    let blocks = levels[level]
    let upper = try blocks.upper(x)
    let pooled = try blocks.lower(x.maxPooled([2, 2], on: context))
    let below = try level + 1 < levels.count ? run(pooled, level: level + 1) : bottom(pooled)
    // An odd size was rounded down by the pooling, so it is named here.
    let enlarged = try blocks.after(below).resampled(
      height: upper.shape[1], width: upper.shape[2], filter: .linear, layout: .channelsLast,
      on: context)
    return try upper.combined(with: enlarged, by: .add, into: upper, on: context)
  }
}
