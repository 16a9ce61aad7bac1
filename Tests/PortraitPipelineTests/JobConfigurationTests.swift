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
    var expected = JobParameters()
    expected.usesTinyVAE = name == "wan_fast.yaml"
    #expect(parameters == expected)
    #expect(configuration.notes.isEmpty && configuration.adapters.isEmpty)
    #expect(configuration.image == nil && configuration.source == nil)
    #expect(configuration.outputPath == nil && configuration.memoryMode == nil)
    #expect(try configuration.files(base: "nowhere").isEmpty)
    // They leave nothing to the defaults: who edits one sees every parameter.
    #expect(configuration.prompt != nil && configuration.contextSize == 51)
    #expect(configuration.seed == 42 && configuration.usesRIFLEx == false)
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

  // MARK: What is refused

  @Test(arguments: [
    ("sede: 1", ":1: nothing is called 'sede'"),
    (
      "prompt: x\nemo_cfg_scal: 1",
      ":2: nothing is called 'emo_cfg_scal'; did you mean 'emo_cfg_scale'?"
    ),
    (
      "vae_kwargs: {vae_subpaths: x}",
      ":1: nothing is called 'vae_kwargs.vae_subpaths'; did you mean 'vae_subpath'?"
    ),
    ("<<: {seed: 1}", ":1: nothing is called '<<'"),
    ("seed: 1\nseed: 2", ":1:1: 'seed' is there twice"),
    (
      "sampler: flow\nsampler_name: Flow",
      ":2: 'sampler_name' and 'sampler' are the same; keep one of them"
    ),
    ("- a", ": expected keys with values, found a list"),
    ("hello", ": expected keys with values, found the text \"hello\""),
    ("seed: -1", ":1: 'seed': expected a whole number, 0 to 18446744073709551614, found -1"),
    (
      "seed: '5'",
      ":1: 'seed': expected a whole number, 0 to 18446744073709551614, found the text \"5\""
    ),
    (
      "num_inference_steps: 4.5",
      ":1: 'num_inference_steps': expected a whole number, 1 to 1000, found 4.5"
    ),
    (
      "num_inference_steps: four",
      ":1: 'num_inference_steps': expected a whole number, 1 to 1000, found the text \"four\""
    ),
    (
      "num_inference_steps: [4]",
      ":1: 'num_inference_steps': expected a whole number, 1 to 1000, found a list"
    ),
    ("max_frames: 0", ":1: 'max_frames': expected a whole number, 1 or more, found 0"),
    ("ip_scale: yes", ":1: 'ip_scale': expected a number, 0 to 100, found yes"),
    ("ip_scale: .nan", ":1: 'ip_scale': expected a number, 0 to 100, found the text \".nan\""),
    ("ip_scale: 1e999", ":1: 'ip_scale': expected a number, 0 to 100, found 1e999"),
    ("cfg_skip_ratio: 1.5", ":1: 'cfg_skip_ratio': expected a number, 0 to 1, found 1.5"),
    ("riflex: 1", ":1: 'riflex': expected true or false, found 1"),
    ("prompt: [a]", ":1: 'prompt': expected a text, found a list"),
    ("prompt: {a: b}", ":1: 'prompt': expected a text, found keys with values"),
    (
      "sampler: euler",
      ":1: 'sampler': expected Flow, Flow_Unipc, Flow_DPM++, found the text \"euler\""
    ),
    (
      "weight_dtype: float16",
      ":1: 'weight_dtype': expected bf16, f32, found the text \"float16\""
    ),
    ("width: 512", ":1: 'width': expected 'height' beside it, found it alone"),
    ("{width: 512, height: 500}", ":1: 'height': expected a multiple of 16, found 500"),
    (
      "sub_num_frames: 200",
      ":1: 'sub_num_frames': expected a number of frames that is 4 n + 1, found 200"
    ),
    (
      "context_size: 51\nsub_num_frames: 197",
      ":2: 'sub_num_frames': expected the window of 51 latent frames that stands above, found 197"
    ),
    (
      "fps: fast",
      ":1: 'fps': expected frames a second, above 0 to 1000, like 25, 29.97 or 30000/1001, found the text \"fast\""
    ),
    (
      "face: 1,",
      ":1: 'face': expected largest, first, left, right, a number or the pixel x,y, found the text \"1,\""
    ),
    ("image: ''", ":1: 'image': expected the name of a file or folder, found the text \"\""),
    (
      "enable_teacache: true",
      ":1: 'enable_teacache': expected false: every step is computed, found true"
    ),
    ("ulysses_degree: 2", ":1: 'ulysses_degree': expected a whole number, 1 to 1, found 2"),
    (
      "format: diffusers",
      ":1: 'format': expected civitai: files named as in the published folder, found the text \"diffusers\""
    ),
    ("pipeline: CogVideoX", ":1: 'pipeline': expected Wan, found the text \"CogVideoX\""),
    (
      "scheduler_kwargs:\n  num_train_timesteps: 500",
      ":2: 'scheduler_kwargs.num_train_timesteps': expected 1000, which the model was trained with, found 500"
    ),
    (
      "scheduler_kwargs: {use_dynamic_shifting: true}",
      ":1: 'scheduler_kwargs.use_dynamic_shifting': expected false: 'shift' holds for every size, found true"
    ),
    (
      "shift: 5\nscheduler_kwargs: {shift: 3}",
      ":2: 'scheduler_kwargs.shift': expected the same as 'shift', 5.0, or nothing, found 3"
    ),
    (
      "vae_kwargs: {spatial_compression_ratio: 16}",
      ":1: 'vae_kwargs.spatial_compression_ratio': expected 8, which the VAE has, found 16"
    ),
    (
      "vae_kwargs: {vae_subpath: ../v.pth}",
      ":1: 'vae_kwargs.vae_subpath': expected a path below the model's folder, found the text \"../v.pth\""
    ),
    ("vae_kwargs: 3", ":1: 'vae_kwargs': expected keys with values, found 3"),
    ("lora: [a, [b]]", ":1: 'lora': expected a text, found a list"),
    ("? [a, b]\n: 1", ":1: expected texts as keys, found another value as a key"),
    ("\"a\\e[31m\": 1", ":1: nothing is called 'a\\u{1b}[31m'"),
    (
      "sampler: \"\\e[2J\"",
      ":1: 'sampler': expected Flow, Flow_Unipc, Flow_DPM++, found the text \"\\u{1b}[2J\""
    ),
  ])
  func filesThatAreRefused(text: String, message: String) throws {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    #expect(error?.description == folder.file("c.yaml") + message)
  }

  @Test(arguments: [
    ("a: b: c", 1, 5), ("prompt: \"open", 1, 14), ("\tseed: 1", 1, 1), ("seed: *none", 1, 7),
    ("a: 1\n---\nb: 2", 2, 1), ("a: [1, 2", 2, 1), ("a: 1\n b: 2", 2, 3), ("seed: %", 1, 7),
    ("x: \u{0}", 1, 4),
  ])
  func textsThatAreNoYAML(text: String, line: Int, column: Int) throws {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    guard case .notYAML(_, let foundLine, let foundColumn, let reason)? = error else {
      Issue.record("\(error.map { "\($0)" } ?? "nothing")")
      return
    }
    #expect(foundLine == line && foundColumn == column, "\(error?.description ?? "")")
    #expect(!reason.contains("\n") && !reason.isEmpty)
  }

  @Test func filesThatCannotBeRead() throws {
    let missing = folder.file("none.yaml")
    #expect(throws: PipelineError.configurationUnreadable(path: missing, reason: "no such file")) {
      try JobConfiguration(path: missing)
    }
    let error = #expect(throws: PipelineError.self) { try JobConfiguration(path: folder.path) }
    #expect(error?.description == "\(folder.path): is a folder, not a YAML file")
    let latin = try folder.write([0x70, 0x3a, 0x20, 0xe9], to: "latin.yaml")
    let encoding = #expect(throws: PipelineError.self) { try JobConfiguration(path: latin) }
    #expect(encoding?.description == "\(latin): expected a text in UTF-8")
  }

  /// Files that are small but stand for more than any memory holds, or are deep.
  @Test(arguments: [
    "laughs", "key laughs", "cycle", "deep flow", "deep block", "deep keys", "long", "wide", "many",
  ])
  func hostileFiles(kind: String) throws {
    let laughs = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]" }
    let text =
      switch kind {
      case "laughs": "a0: &a0 [x]\n" + laughs.joined(separator: "\n")
      case "key laughs": "a0: &a0 [x]\n" + laughs.joined(separator: "\n") + "\n? *a30\n: 1\n"
      case "cycle": "a: &a [*a]"
      case "deep flow": String(repeating: "[", count: 500_000)
      case "deep block": String(repeating: "- ", count: 400_000) + "x"
      case "deep keys": String(repeating: "? ", count: 400_000) + "x"
      case "long": "prompt: " + String(repeating: "x", count: 1 << 20)
      case "wide": "[" + String(repeating: "a, ", count: 300_000) + "]"
      default: (0..<80_000).map { "key\($0): 1" }.joined(separator: "\n")
      }
    let clock = ContinuousClock()
    let start = clock.now
    #expect(throws: PipelineError.self) { try read(text) }
    #expect(clock.now - start < .seconds(20), "\(kind)")
  }
}
