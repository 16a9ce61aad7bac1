import PortraitModels
import WanModels

extension ModelGeometry {
  /// Small enough for a whole job in seconds on two cores, with everything that the published networks
  /// have: pictures, patches, token counts and levels are the published ones, widths and depths are
  /// not.
  package static let tiny = {
    var geometry = wan14B
    geometry.transformer.dim = 96
    geometry.transformer.ffnDim = 256
    geometry.transformer.freqDim = 64
    geometry.transformer.textDim = 64
    geometry.transformer.imageDim = 64
    geometry.transformer.portraitDim = 80
    geometry.transformer.numHeads = 2
    geometry.transformer.numLayers = 3
    geometry.textEncoder.vocabularySize = 512
    geometry.textEncoder.dim = 64
    geometry.textEncoder.attentionDim = 64
    geometry.textEncoder.ffnDim = 160
    geometry.textEncoder.numHeads = 4
    geometry.textEncoder.numLayers = 2
    geometry.imageEncoder.dim = 64
    geometry.imageEncoder.outDim = 32
    geometry.imageEncoder.numHeads = 4
    geometry.imageEncoder.numLayers = 3
    geometry.vae.dim = 8
    geometry.tinyVAE.decoderWidths = [32, 16, 8, 8]
    geometry.tinyVAE.encoderWidth = 8
    geometry.motionEncoder.stemChannels = 8
    geometry.motionEncoder.channels = 16
    geometry.motionEncoder.hourglassChannels = 32
    geometry.motionEncoder.features = 64
    geometry.motionEncoder.layout.mouth = 64
    geometry.portraitEncoder.layout.mouth = 64
    geometry.portraitEncoder.outputDim = 80
    geometry.portraitEncoder.mouth = resampler(
      geometry.portraitEncoder.mouth, embedding: 64, output: 80)
    geometry.portraitEncoder.emotion = resampler(
      geometry.portraitEncoder.emotion, embedding: 30, output: 80)
    return geometry
  }()

  private static func resampler(
    _ published: ResamplerConfig, embedding: Int, output: Int
  ) -> ResamplerConfig {
    ResamplerConfig(
      dim: 48, depth: 2, dimHead: 16, heads: 3, numQueries: published.numQueries,
      embeddingDim: embedding, outputDim: output, ffMult: published.ffMult)
  }
}
