import Checkpoints
import Diffusion
import Foundation
import MediaIO
import PortraitModels
import PortraitPipeline
import TestSupport
import Testing

@Suite struct JobConfigurationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ text: String) throws -> JobConfiguration {
    try JobConfiguration(path: folder.write(Array(text.utf8), to: "c.yaml"))
  }

  private func parameters(_ text: String) throws -> JobParameters {
    var parameters = JobParameters()
    try read(text).apply(to: &parameters)
    return parameters
  }

  private static let shipped = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("config/wan2.1").path

  // MARK: What is read

  /// The project's files say what holds without them.
  @Test(arguments: ["wan_civitai.yaml", "wan_fast.yaml"])
  func theProjectsFilesHaveThePublishedValues(name: String) throws {
    let configuration = try JobConfiguration(path: "\(Self.shipped)/\(name)")
    var parameters = JobParameters()
    configuration.apply(to: &parameters)
    #expect(parameters == JobParameters())
    // Whether it decodes by the tiny VAE, and in how many steps, depends on what is there.
    let isFast = name == "wan_fast.yaml"
    #expect((configuration.usesTinyVAE, configuration.steps) == (nil, isFast ? nil : 30))
    let acceleration = configuration.acceleration
    #expect(acceleration.kind == nil && acceleration.distills == nil)
    #expect(acceleration.caches == false && acceleration.teaCache == TeaCache())
    #expect(acceleration.prediction == LatentPrediction())
    #expect(acceleration.distilledSteps == (isFast ? [1000, 750, 500, 250] : nil))
    #expect(configuration.notes.isEmpty && configuration.adapters.isEmpty)
    #expect(configuration.image == nil && configuration.source == nil)
    #expect(configuration.outputPath == nil && configuration.memoryMode == nil)
    #expect(try configuration.files(base: "nowhere").isEmpty)
    // They leave nothing to the defaults: who edits one sees every parameter.
    #expect(configuration.prompt != nil && configuration.contextSize == 51)
    #expect(configuration.seed == 42 && configuration.usesRIFLEx == false)
  }

  @Test func accelerationUnderBothNames() throws {
    let published = try read(
      """
      enable_teacache: true
      teacache_threshold: 0.2
      num_skip_start_steps: 3
      step_distill_kwargs: {denoising_step_list: [1000, 500], step_distill_lora_strength: 0.5}
      """)
    var expected = AccelerationSettings()
    (expected.caches, expected.threshold, expected.startSteps) = (true, 0.2, 3)
    (expected.distilledSteps, expected.adapterWeight) = ([1000, 500], 0.5)
    #expect(published.acceleration == expected && published.fastNotes.isEmpty)
    let ours = try read(
      """
      {teacache: yes, teacache_threshold: 0.2, teacache_start_steps: 3, distill_steps: [1000, 500],
      acceleration: ALP, alp_interval: 2, alp_order: 0, alp_series: taylor, alp_clock: sigmas,
      alp_alpha: 0.5, alp_dynamic: false}
      """)
    (expected.adapterWeight, expected.kind) = (nil, .prediction)
    (expected.interval, expected.order, expected.series) = (2, 0, .taylor)
    (expected.clock, expected.alpha, expected.isDynamic) = (.sigmas, 0.5, false)
    #expect(ours.acceleration == expected)
    #expect(
      ours.fastNotes == [
        "\(folder.file("c.yaml")):2: 'acceleration' is for fast-infer; this command runs all steps"
      ])
  }

  @Test func whatIsLeftOutIsLeftAlone() throws {
    for text in ["", "# nothing\n", "prompt: null\nseed: ~\nscheduler_kwargs:\nvae_path:\n", "{}"] {
      #expect(try read(text) == JobConfiguration(), "\(text)")
    }
    var parameters = JobParameters()
    parameters.prompt = "The man is talking"
    parameters.seed = 7
    try read("seed: 8").apply(to: &parameters)
    #expect(parameters.prompt == "The man is talking" && parameters.seed == 8)
  }

  @Test func publishedNamesAndOursMeanTheSame() throws {
    let published = """
      sampler_name: Flow_Unipc
      weight_dtype: torch.float32
      GPU_memory_mode: model_cpu_offload
      enable_riflex: True
      validation_image_start: a.png
      validation_driven_video_path: b.mp4
      save_path: c.mp4
      sub_num_frames: 25
      scheduler_kwargs: {shift: 3}
      vae_kwargs: {use_tiling_vae: yes}
      tiny_vae_kwargs: {use_tiny_vae: on}
      """
    let ours = """
      sampler: flow-unipc
      dtype: f32
      memory_mode: model_cpu_offload
      riflex: true
      image: a.png
      driven_video: b.mp4
      output: c.mp4
      context_size: 7
      shift: 3.0
      tile_vae: true
      tiny_vae: true
      """
    let configuration = try read(ours)
    #expect(try read(published) == configuration)
    #expect(configuration.memoryMode == .modelCPUOffload)
    #expect(configuration.source == .video("b.mp4") && configuration.outputPath == "c.mp4")
    let parameters = try parameters(ours)
    #expect(parameters.sampler == .flowUniPC && parameters.arithmetic == .f32)
    #expect(parameters.riflexIndex == 6 && parameters.contextSize == 7)
    #expect(parameters.shift == 3 && parameters.tilesVAE && parameters.usesTinyVAE)
  }

  @Test func everyOtherParameter() throws {
    let parameters = try parameters(
      """
      prompt: "She: sings"
      negative_prompt: ''
      width: 640
      height: 352
      context_overlap: 4
      num_inference_steps: 4
      text_cfg_scale: 2.5
      emo_cfg_scale: 1
      ip_scale: .5
      seed: 18446744073709551614
      rng: cuda
      cfg_skip_ratio: 0.25
      riflex: yes
      riflex_k: 4
      length: published
      fps: 30000/1001
      max_frames: 9
      face: 12,34
      tracking: following
      crf: 23
      preset: slow
      no_audio: true
      """)
    var expected = JobParameters()
    expected.prompt = "She: sings"
    expected.negativePrompt = ""
    expected.size = PictureSize(width: 640, height: 352)
    expected.contextOverlap = 4
    expected.steps = 4
    expected.textScale = 2.5
    expected.expressionScale = 1
    expected.expressionStrength = 0.5
    expected.seed = .max - 1
    expected.noise = .cuda
    expected.guidanceSkip = 0.25
    expected.riflexIndex = 4
    expected.length = .published
    expected.frameRate = Rational(30000, 1001)
    expected.frameLimit = 9
    expected.face = FaceOptions(tracking: .following, choice: .point(x: 12, y: 34))
    expected.quality = 23
    expected.preset = .slow
    expected.keepsSound = false
    #expect(parameters == expected)
  }

  /// Another layer's longer side replaces width and height.
  @Test func theLastSizeCounts() throws {
    var parameters = JobParameters()
    parameters.size = PictureSize(width: 512, height: 512)
    try read("max_size: 480").apply(to: &parameters)
    #expect(parameters.size == nil && parameters.maxSize == 480)
    try read("{max_size: 480, width: 64, height: 32}").apply(to: &parameters)
    #expect(parameters.size == PictureSize(width: 64, height: 32))
  }

  @Test func featuresTakeTheSoundOfTheVideo() throws {
    #expect(
      try read("{features: f.safetensors, driven_video: v.mp4}").source
        == .features("f.safetensors", soundFrom: "v.mp4"))
    #expect(
      try read("features: f.safetensors").source == .features("f.safetensors", soundFrom: nil))
  }

  @Test(arguments: [
    ("out/a.mp4", "out/a.mp4"), ("out", "out/p-v.mp4"), ("out/", "out/p-v.mp4"),
    ("/x/y.MP4", "/x/y.MP4"),
  ])
  func aFolderGetsAFileNamedAfterItsInputs(output: String, path: String) throws {
    let text = "{image: in/p.png, driven_video: /d/v.mov, save_path: \(output)}"
    #expect(try read(text).outputPath == path)
  }

  @Test func adapters() throws {
    #expect(
      try read("{lora_path: a.safetensors, lora_weight: 0.55}").adapters
        == [WeightedPath(path: "a.safetensors", weight: 0.55)])
    #expect(
      try read("{lora_path: a.safetensors, lora: [b:0.5, 'c:d']}").adapters
        == [
          WeightedPath(path: "a.safetensors"), WeightedPath(path: "b", weight: 0.5),
          WeightedPath(path: "c:d"),
        ])
    #expect(try read("lora_weight: 0.5").adapters.isEmpty)
  }

  @Test(
    arguments: [
      ("25", Rational(25)), ("29.97", Rational(2997, 100)), ("60000/1001", Rational(60000, 1001)),
      ("12.5", Rational(25, 2)), ("1000", Rational(1000)), ("0", nil), ("1001", nil), ("-5", nil),
      ("25/0", nil), ("1/2/3", nil), ("", nil), ("2.", nil), ("nan", nil), ("1e2", nil),
      ("9999999999", nil), ("0.0000001", nil), ("٢٥", nil),
    ] as [(String, Rational?)])
  func frameRates(text: String, rate: Rational?) {
    #expect(Rational(frameRate: text) == rate)
  }

  // MARK: Files of networks

  @Test func filesOfNetworks() throws {
    for name in ["base/google/umt5-xxl", "base/other"] {
      try FileManager.default.createDirectory(
        atPath: folder.file(name), withIntermediateDirectories: true)
    }
    for name in [
      "t.pt", "base/config.json", "base/Wan2.1_VAE.safetensors", "base/other/v.pth",
      "base/google/umt5-xxl/spiece.model", "base/other/spiece.model", "base/other/config.json",
      "base/other/diffusion_pytorch_model.safetensors.index.json",
    ] { _ = try folder.write([1], to: name) }
    let base = folder.file("base")
    // By the base's folder: what is there, also converted.
    #expect(
      try read("wan_model_name: \(base)").files(base: "nowhere") == [
        .configuration: base + "/config.json", .vae: base + "/Wan2.1_VAE.safetensors",
        .tokenizer: base + "/google/umt5-xxl/spiece.model",
      ])
    // What is published is left to the layout.
    #expect(
      try read(
        """
        vae_kwargs: {vae_subpath: ./Wan2.1_VAE.pth}
        text_encoder_kwargs: {tokenizer_subpath: google/umt5-xxl/}
        transformer_additional_kwargs: {transformer_subpath: ./}
        """
      ).files(base: base).isEmpty)
    #expect(
      try read(
        """
        transformer_path: \(folder.file("t.pt"))
        vae_kwargs: {vae_subpath: other/v.pth}
        text_encoder_kwargs: {tokenizer_subpath: other}
        transformer_additional_kwargs: {transformer_subpath: other}
        """
      ).files(base: base) == [
        .transformer: folder.file("t.pt"), .vae: base + "/other/v.pth",
        .tokenizer: base + "/other/spiece.model", .configuration: base + "/other/config.json",
        .baseTransformer: base + "/other/diffusion_pytorch_model.safetensors.index.json",
      ])
  }

  @Test(arguments: [
    (
      "seed: 1\nvae_kwargs:\n  vae_subpath: v.pth",
      ":3: 'vae_kwargs.vae_subpath': no such file: b/v.pth"
    ),
    ("det_model_path: d.onnx", ":1: 'det_model_path': no such file: d.onnx"),
    ("face_det: d.onnx", ":1: 'face_det': no such file: d.onnx"),
  ])
  func filesThatAreNotThere(text: String, message: String) throws {
    let configuration = try read(text)
    let error = #expect(throws: PipelineError.self) { try configuration.files(base: "b") }
    #expect(error?.description == folder.file("c.yaml") + message)
  }
}
