import Layers
import TensorCore

/// The encoder of the Wan video autoencoder (`Encoder3d` and `conv1`): pixels to the mean and the
/// log variance of latents.
///
/// A clip goes through frame by frame (`session`), each causal convolution keeping its last two
/// input frames: memory does not depend on the clip's length.
package struct WanVAEEncoder: Sendable {
  package let config: WanVAEConfig
  /// How it computes.
  package let execution: Execution

  let stages: [any FrameStage]
  let slotCount: Int

  /// Patterns of the names that it claims.
  package static let tensorNames = ["encoder.*", "conv1.*"]

  /// - Parameter weights: by the published names, without a "model." prefix.
  /// - Throws: `NetworkError.configuration`, what the source throws, `TensorError`.
  package init(
    _ config: WanVAEConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    var slots = SlotCounter()
    let encoder = weights.scoped("encoder.")
    stages =
      try [
        StreamedConvolution(
          3, config.dim, kernel: [3, 3, 3], slots: &slots, weights: encoder.scoped("conv1."),
          execution: execution)
      ]
      + Self.downsampling(
        config, slots: &slots, weights: encoder.scoped("downsamples."), execution: execution)
      + WanVAE.middle(
        config, slots: &slots, weights: encoder.scoped("middle."), execution: execution)
      + Self.head(config, slots: &slots, weights: weights, execution: execution)
    slotCount = slots.count
  }

  /// Residual blocks of each level, and the halving after all levels but the last.
  private static func downsampling(
    _ config: WanVAEConfig, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws -> [any FrameStage] {
    var stages: [any FrameStage] = []
    var index = 0
    var width = config.dim
    for level in 0..<config.levelCount {
      for _ in 0..<config.numResBlocks {
        stages.append(
          try WanVAEResidualBlock(
            width, config.widths[level], slots: &slots, weights: weights.scoped("\(index)."),
            execution: execution))
        width = config.widths[level]
        index += 1
      }
      guard level + 1 < config.levelCount else { break }
      stages.append(
        try StreamedConvolution(
          width, width, kernel: [3, 3],
          // A row of zeros below and a column to the right, none before.
          geometry: .init(stride: [1, 2, 2], paddingAfter: [0, 1, 1]), slots: &slots,
          weights: weights.scoped("\(index).resample.1."), execution: execution))
      if config.temperalDownsample[level] {
        stages.append(
          try TemporalHalving(
            width, slots: &slots, weights: weights.scoped("\(index).time_conv."),
            execution: execution))
      }
      index += 1
    }
    return stages
  }

  private static func head(
    _ config: WanVAEConfig, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws -> [any FrameStage] {
    let width = config.widths[config.levelCount - 1]
    let head = weights.scoped("encoder.head.")
    return [
      try StreamedConvolution(
        width, 2 * config.zDim, kernel: [3, 3, 3],
        prologue: .rmsNorm(width, trailing: 3, activation: .silu, weights: head.scoped("0.")),
        slots: &slots, weights: head.scoped("2."), execution: execution),
      try StreamedConvolution(
        2 * config.zDim, 2 * config.zDim, kernel: [1, 1, 1], outputType: .f32, slots: &slots,
        weights: weights.scoped("conv1."), execution: execution),
    ]
  }
}

extension WanVAE {
  /// The middle of encoder and decoder: a residual block, attention, a residual block.
  static func middle(
    _ config: WanVAEConfig, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws -> [any RestorableStage] {
    let width = config.widths[config.levelCount - 1]
    return [
      try WanVAEResidualBlock(
        width, width, slots: &slots, weights: weights.scoped("0."), execution: execution),
      try WanVAEAttentionBlock(
        width, slots: &slots, weights: weights.scoped("1."), execution: execution),
      try WanVAEResidualBlock(
        width, width, slots: &slots, weights: weights.scoped("2."), execution: execution),
    ]
  }
}
