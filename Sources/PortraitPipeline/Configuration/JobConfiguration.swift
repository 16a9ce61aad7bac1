import Checkpoints
import Diffusion
import MediaIO
import PortraitModels
import TensorCore

/// What a YAML file says of a job, under the names of the published configuration and of the
/// published script's variables; nil for what it leaves open.
package struct JobConfiguration: Sendable, Equatable {
  // MARK: What is made

  package var prompt: String?
  package var negativePrompt: String?
  package var maxSize: Int?
  package var width: Int?
  package var height: Int?
  /// Latent frames of a window, by whichever of its three names.
  package var contextSize: Int?
  package var contextOverlap: Int?
  package var steps: Int?
  package var textScale: Float?
  package var expressionScale: Float?
  package var expressionStrength: Float?
  package var sampler: SamplerKind?
  package var shift: Double?
  package var seed: UInt64?
  package var noise: JobParameters.NoiseGenerator?
  package var guidanceSkip: Double?
  package var usesRIFLEx: Bool?
  package var riflexIndex: Int?
  package var length: JobParameters.Length?
  package var frameRate: Rational?
  package var frameLimit: Int?
  package var arithmetic: Arithmetic?
  package var tracking: FaceOptions.Tracking?
  package var faceChoice: FaceChoice?
  package var tilesVAE: Bool?
  package var usesTinyVAE: Bool?
  package var quality: Double?
  package var preset: VideoWriterOptions.Preset?
  package var keepsSound: Bool?

  /// What makes the job faster, which the command decides with what the flags and the checkpoints
  /// say.
  package var acceleration = AccelerationSettings()

  // MARK: How and from what

  package var memoryMode: MemoryMode?
  package var image: String?
  package var drivenVideo: String?
  /// Features that `features` has written.
  package var features: String?
  /// The video to write, or the folder for it (`save_path`); see `outputPath`.
  package var output: String?

  /// The base's folder (`wan_model_name`).
  package var wanModel: String?
  /// Files of networks, each with the place that names it.
  var networkFiles: [CheckpointLayout.Part: NamedFile] = [:]
  /// Files and folders below the base's folder, likewise.
  var subpaths: [CheckpointLayout.Part: NamedFile] = [:]
  /// The adapter that makes a model of a few steps (`step_distill_lora_path`).
  package var distillationAdapter: String?
  /// `lora_path` and `lora_weight`.
  var publishedAdapter: String?
  var publishedAdapterWeight: Float?
  /// `lora`.
  var namedAdapters: [WeightedPath] = []

  /// Lines for the user on what is read but makes no difference to this job.
  package var notes: [String] = []
  /// The same for a job that runs all steps.
  package var fastNotes: [String] = []

  package init() {}

  /// The adapters to merge into the transformer, in this order.
  package var adapters: [WeightedPath] {
    (publishedAdapter.map { [WeightedPath(path: $0, weight: publishedAdapterWeight ?? 1)] } ?? [])
      + namedAdapters
  }

  /// A path as a file gives it, with the place for messages.
  struct NamedFile: Sendable, Equatable {
    var path: String
    var key: String
    var place: ConfigurationPlace
  }

  mutating func noteOfFast(_ value: ConfigurationValue) {
    fastNotes.append(
      "\(value.place): '\(value.key ?? "")' is for fast-infer; this command runs all steps")
  }

  // MARK: Use

  /// Puts what is given in the place of what is there.
  package func apply(to parameters: inout JobParameters) {
    func put<Value>(_ value: Value?, _ target: WritableKeyPath<JobParameters, Value>) {
      if let value { parameters[keyPath: target] = value }
    }
    put(prompt, \.prompt)
    put(negativePrompt, \.negativePrompt)
    if let maxSize {
      parameters.maxSize = maxSize
      parameters.size = nil
    }
    if let width, let height { parameters.size = PictureSize(width: width, height: height) }
    put(contextSize, \.contextSize)
    put(contextOverlap, \.contextOverlap)
    put(steps, \.steps)
    put(textScale, \.textScale)
    put(expressionScale, \.expressionScale)
    put(expressionStrength, \.expressionStrength)
    put(sampler, \.sampler)
    put(shift, \.shift)
    put(seed, \.seed)
    put(noise, \.noise)
    put(guidanceSkip, \.guidanceSkip)
    if let usesRIFLEx {
      parameters.riflexIndex = usesRIFLEx ? riflexIndex ?? Self.publishedRIFLExIndex : nil
    }
    put(length, \.length)
    if let frameRate { parameters.frameRate = frameRate }
    if let frameLimit { parameters.frameLimit = frameLimit }
    put(arithmetic, \.arithmetic)
    put(tracking, \.face.tracking)
    put(faceChoice, \.face.choice)
    put(tilesVAE, \.tilesVAE)
    put(usesTinyVAE, \.usesTinyVAE)
    put(quality, \.quality)
    put(preset, \.preset)
    put(keepsSound, \.keepsSound)
  }

  /// RIFLEx's k where it is asked for without one (`riflex_k`).
  package static let publishedRIFLExIndex = 6
}
