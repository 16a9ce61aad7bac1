import Checkpoints
import Diffusion
import MediaIO
import PortraitModels
import TensorCore

/// All keys of a job: those of the published script's variables, of the published configuration, and
/// of the flags.
enum ConfigurationKeys {
  private typealias Limits = JobParameters.Limits

  /// Those that stand by themselves.
  static let outermost: [ConfigurationKey] =
    parameters + acceleration + inputs + networks + unused

  private static let parameters: [ConfigurationKey] = [
    .text("prompt", to: \.prompt),
    .text("negative_prompt", to: \.negativePrompt),
    .whole("max_size", in: Limits.side, to: \.maxSize),
    .side("width", to: \.width),
    .side("height", to: \.height),
    window("sub_num_frames", of: JobParameters.windowFrames) {
      JobParameters.contextSize(ofFrames: $0)
    },
    window("latents_num_frames", of: Limits.contextSize) { $0 },
    window("context_size", of: Limits.contextSize) { $0 },
    .whole("context_overlap", in: 0...Limits.contextSize.upperBound - 1, to: \.contextOverlap),
    .whole("num_inference_steps", in: Limits.steps, to: \.steps),
    .single("text_cfg_scale", in: Limits.scale, to: \.textScale),
    .single("emo_cfg_scale", in: Limits.scale, to: \.expressionScale),
    .single("ip_scale", in: Limits.scale, to: \.expressionStrength),
    .choice("sampler_name", "sampler", of: samplers, to: \.sampler),
    shift("shift"),
    .whole("seed", in: 0...UInt64.max - 1, to: \.seed),
    .choice("rng", of: names(), to: \.noise),
    .number("cfg_skip_ratio", in: Limits.share, to: \.guidanceSkip),
    .flag("enable_riflex", "riflex", to: \.usesRIFLEx),
    .whole("riflex_k", in: Limits.riflexIndex, to: \.riflexIndex),
    .choice("length", of: names(), to: \.length),
    ConfigurationKey(["fps"]) { $0.frameRate = try $1.frameRate() },
    .whole("max_frames", in: 1...Int.max, to: \.frameLimit),
    .choice("weight_dtype", "dtype", of: types, to: \.arithmetic),
    .choice("tracking", of: names(), to: \.tracking),
    ConfigurationKey(["face"]) { configuration, value in
      do { configuration.faceChoice = try FaceChoice(value.text()) } catch is FaceError {
        throw value.refusal("largest, first, left, right, a number or the pixel x,y")
      }
    },
    .flag("tile_vae", to: \.tilesVAE),
    .flag("tiny_vae", to: \.usesTinyVAE),
    .number("crf", in: Limits.quality, to: \.quality),
    .choice("preset", of: names(), to: \.preset),
    .flag("audio", to: \.keepsSound),
    ConfigurationKey(["no_audio"]) { $0.keepsSound = try !$1.flag() },
    .choice("GPU_memory_mode", "memory_mode", of: names(), to: \.memoryMode),
  ]

  private static let inputs: [ConfigurationKey] = [
    .path("validation_image_start", "image", to: \.image),
    .path("validation_driven_video_path", "driven_video", to: \.drivenVideo),
    .path("features", to: \.features),
    .path("save_path", "output", to: \.output),
  ]

  private static let networks: [ConfigurationKey] = [
    ConfigurationKey(["wan_model_name", "wan_model"], isOfNetworks: true) {
      $0.wanModel = try $1.path()
    },
    network(.transformer, "transformer_path", "transformer"),
    network(.portraitEncoder, "portrait_encoder_path", "portrait_encoder"),
    network(.faceDetector, "det_model_path", "face_det"),
    network(.faceLandmarks, "alignment_model_path", "face_landmark"),
    network(.motionEncoder, "pd_fpg_model_path", "pd_fgc"),
    network(.vae, "vae_path", "vae"),
    network(.textEncoder, "text_encoder"),
    network(.imageEncoder, "image_encoder"),
    network(.tokenizer, "tokenizer"),
    ConfigurationKey(["lora_path"], isOfNetworks: true) {
      $0.publishedAdapter = try $1.path()
    },
    ConfigurationKey(["lora_weight"], isOfNetworks: true) {
      $0.publishedAdapterWeight = Float(try $1.number(-100...100))
    },
    ConfigurationKey(["lora"], isOfNetworks: true) { configuration, value in
      configuration.namedAdapters = try value.adapters()
    },
  ]

  /// What of the published names means nothing here.
  private static let unused: [ConfigurationKey] = [
    .fixed(
      "format", [("civitai", true)], is: true,
      because: "civitai: files named as in the published folder"),
    ConfigurationKey(["pipeline"]) { _, value in
      guard try value.text().lowercased().hasPrefix("wan") else {
        throw value.refusal("Wan")
      }
    },
    .unused("fsdp_dit") { _ = try $0.flag() },
    .unused("fsdp_text_encoder") { _ = try $0.flag() },
    .unused("compile_dit") { _ = try $0.flag() },
    .unused("ulysses_degree") { _ = try $0.whole(1...1) },
    .unused("ring_degree") { _ = try $0.whole(1...1) },
    .unused("sample_size") { _ = try $0.elements().map { try $0.whole(Limits.side) } },
  ]

  /// What several keys decide together; of a new mapping that has one of them, none is left from
  /// before.
  static let resets: [(names: [String], action: @Sendable (inout JobConfiguration) -> Void)] = [
    (["sub_num_frames", "latents_num_frames", "context_size"], { $0.contextSize = nil }),
    (
      ["max_size", "width", "height"],
      {
        $0.maxSize = nil
        $0.width = nil
        $0.height = nil
      }
    ),
    (
      ["driven_video", "features"],
      {
        $0.drivenVideo = nil
        $0.features = nil
      }
    ),
    (["shift"], { $0.shift = nil }),
    (["distill_steps"], { $0.acceleration.distilledSteps = nil }),
  ]

  // MARK: Keys

  /// One of the names of a window's size.
  ///
  /// - Parameter latentFrames: of the value; nil where no window has it.
  private static func window(
    _ name: String, of range: ClosedRange<Int>,
    _ latentFrames: @escaping @Sendable (Int) -> Int?
  ) -> ConfigurationKey {
    ConfigurationKey([name]) { configuration, value in
      guard let size = latentFrames(try value.whole(range)) else {
        throw value.refusal("a number of frames that is 4 n + 1")
      }
      if let former = configuration.contextSize, former != size {
        throw value.refusal("the window of \(former) latent frames that stands above")
      }
      configuration.contextSize = size
    }
  }

  static func shift(_ name: String) -> ConfigurationKey {
    ConfigurationKey([name]) { configuration, value in
      let shift = try value.number(Limits.shift)
      if let former = configuration.shift, former != shift {
        throw value.refusal("the same as 'shift', \(former), or nothing")
      }
      configuration.shift = shift
    }
  }

  private static func network(
    _ part: CheckpointLayout.Part, _ names: String...
  ) -> ConfigurationKey {
    ConfigurationKey(names, isOfNetworks: true) { configuration, value in
      configuration.networkFiles[part] = JobConfiguration.NamedFile(
        path: try value.path(), key: value.key ?? names[0], place: value.place)
    }
  }

  // MARK: Names of values

  private static func names<Choice: RawRepresentable<String> & CaseIterable>()
    -> [(name: String, value: Choice)]
  {
    Choice.allCases.map { ($0.rawValue, $0) }
  }

  private static let samplers: [(name: String, value: SamplerKind)] = [
    ("Flow", .flow), ("Flow_Unipc", .flowUniPC), ("Flow_DPM++", .flowDPM),
    ("flow-unipc", .flowUniPC), ("flow-dpm++", .flowDPM),
  ]

  private static let types: [(name: String, value: Arithmetic)] = [
    ("bf16", .bf16), ("f32", .f32), ("bfloat16", .bf16), ("float32", .f32),
    ("torch.bfloat16", .bf16), ("torch.float32", .f32),
  ]
}
