import Diffusion
import MediaIO
import PortraitModels
import TensorCore

/// Everything that decides on a job's pixels besides its inputs and checkpoints, under the published
/// names. The defaults are the published ones.
package struct JobParameters: Sendable, Equatable {
  /// How many frames are made.
  package enum Length: String, CaseIterable, Sendable {
    /// As many as the driving video has, in step with its sound.
    case exact
    /// As published: cut to 4 k + 1 frames, of which the first is dropped.
    case published
  }

  /// Whose random numbers the noise has.
  package enum NoiseGenerator: String, CaseIterable, Sendable {
    /// PyTorch's on the CPU.
    case cpu
    /// PyTorch's on a CUDA device.
    case cuda
  }

  package var prompt = "The girl is singing"
  package var negativePrompt = Self.publishedNegativePrompt
  /// The longer side in pixels; not used where width and height are given.
  package var maxSize = 720
  /// Width and height in pixels, multiples of 16; both or neither.
  package var size: PictureSize?
  /// Latent frames of a window (`context_size`, `latents_num_frames`); a window has
  /// 4 (n - 1) + 1 frames (`sub_num_frames`).
  package var contextSize = 51
  /// Latent frames that neighbouring windows share.
  package var contextOverlap = 30
  package var steps = 30
  package var textScale: Float = 1
  package var expressionScale: Float = 4
  /// Strength of the expression branch (`ip_scale`).
  package var expressionStrength: Float = 1
  package var sampler = SamplerKind.flow
  package var shift = 5.0
  package var seed: UInt64 = 42
  package var noise = NoiseGenerator.cpu
  /// Share of the steps, the last ones, without guidance (`cfg_skip_ratio`).
  package var guidanceSkip = 0.0
  /// What saves passes of the transformer.
  package var acceleration = Acceleration.none
  /// Levels of the training, from 1000 downwards, of a model that was distilled to a few steps; they
  /// take the place of the sampler's schedule, and Euler's method that of the sampler.
  package var distilledSteps: [Int]?
  /// RIFLEx's k; nil without RIFLEx.
  package var riflexIndex: Int?
  package var length = Length.exact
  /// Frames a second at which the driving video is read; nil for its own rate.
  package var frameRate: Rational?
  /// Frames of the driving video at most.
  package var frameLimit: Int?
  /// Arithmetic of the networks.
  package var arithmetic = Arithmetic.bf16
  package var face = FaceOptions()
  /// Encode and decode in tiles (`--tile-vae`).
  package var tilesVAE = false
  /// Decode by the tiny autoencoder (`--tiny-vae`).
  package var usesTinyVAE = false
  /// libx264's constant quality.
  package var quality = 17.0
  package var preset = VideoWriterOptions.Preset.medium
  package var keepsSound = true

  package init() {}

  /// The negative prompt that Wan is published with.
  package static let publishedNegativePrompt = """
    色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，\
    画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走
    """
}

/// Width and height in pixels.
package struct PictureSize: Sendable, Equatable {
  package var width: Int
  package var height: Int

  package init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }
}
