import Layers
import TensorCore

/// The decoder of the Wan video autoencoder (`conv2` and `Decoder3d`): normalised latents to pixels.
///
/// A clip goes through one latent frame at a time (`session`): memory does not depend on its length.
package struct WanVAEDecoder: Sendable {
  package let config: WanVAEConfig
  /// How it computes.
  package let execution: Execution

  /// All but the head, whose pixels go straight to where they are wanted.
  let stages: [any FrameStage]
  let head: StreamedConvolution
  /// The stages and the head, as what they remember.
  let restorableStages: [any RestorableStage]
  let slotCount: Int

  /// Patterns of the names that it claims.
  package static let tensorNames = ["decoder.*", "conv2.*"]

  /// - Parameter weights: by the published names, without a "model." prefix.
  /// - Throws: `NetworkError.configuration`, what the source throws, `TensorError`.
  package init(
    _ config: WanVAEConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    var slots = SlotCounter()
    let decoder = weights.scoped("decoder.")
    let stages =
      try Self.entrance(config, slots: &slots, weights: weights, execution: execution)
      + WanVAE.middle(
        config, slots: &slots, weights: decoder.scoped("middle."), execution: execution)
      + Self.upsampling(
        config, slots: &slots, weights: decoder.scoped("upsamples."), execution: execution)
    head = try StreamedConvolution(
      config.widths[0], 3, kernel: [3, 3, 3],
      prologue: .rmsNorm(
        config.widths[0], trailing: 3, activation: .silu, weights: decoder.scoped("head.0.")),
      outputType: .f32, slots: &slots, weights: decoder.scoped("head.2."), execution: execution)
    self.stages = stages
    restorableStages = stages + [head]
    slotCount = slots.count
  }

  private static func entrance(
    _ config: WanVAEConfig, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws -> [any RestorableStage] {
    // The normalisation is undone on the way in.
    let prologue = PixelPrologue(
      multiply: try Tensor(config.latentsStd, shape: [config.zDim]),
      add: try Tensor(config.latentsMean, shape: [config.zDim]))
    return [
      try StreamedConvolution(
        config.zDim, config.zDim, kernel: [1, 1, 1], prologue: prologue, slots: &slots,
        weights: weights.scoped("conv2."), execution: execution),
      try StreamedConvolution(
        config.zDim, config.widths[config.levelCount - 1], kernel: [3, 3, 3], slots: &slots,
        weights: weights.scoped("decoder.conv1."), execution: execution),
    ]
  }

  /// Residual blocks of each level, from the last up, and the doubling after all levels but the
  /// first.
  private static func upsampling(
    _ config: WanVAEConfig, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws -> [any RestorableStage] {
    var stages: [any RestorableStage] = []
    var index = 0
    var width = config.widths[config.levelCount - 1]
    for level in (0..<config.levelCount).reversed() {
      for _ in 0...config.numResBlocks {
        stages.append(
          try WanVAEResidualBlock(
            width, config.widths[level], slots: &slots, weights: weights.scoped("\(index)."),
            execution: execution))
        width = config.widths[level]
        index += 1
      }
      guard level > 0 else { break }
      if config.temperalDownsample[level - 1] {
        stages.append(
          try TemporalDoubling(
            width, slots: &slots, weights: weights.scoped("\(index).time_conv."),
            execution: execution))
      }
      stages.append(
        try StreamedConvolution(
          width, width / 2, kernel: [3, 3], geometry: .init(padding: [0, 1, 1], upsampling: 2),
          slots: &slots, weights: weights.scoped("\(index).resample.1."), execution: execution))
      width /= 2
      index += 1
    }
    return stages
  }
}
