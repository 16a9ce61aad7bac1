import Foundation
import PortraitPipeline
import TestSupport
import Testing

/// Configuration files that are refused, each with its message.
@Suite struct JobConfigurationRefusalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func read(_ text: String) throws -> JobConfiguration {
    try JobConfiguration(path: folder.write(Array(text.utf8), to: "c.yaml"))
  }

  @Test(arguments: [
    ("sede: 1", ":1: unknown key 'sede'"),
    (
      "prompt: x\nemo_cfg_scal: 1",
      ":2: unknown key 'emo_cfg_scal'; did you mean 'emo_cfg_scale'?"
    ),
    (
      "vae_kwargs: {vae_subpaths: x}",
      ":1: unknown key 'vae_kwargs.vae_subpaths'; did you mean 'vae_subpath'?"
    ),
    ("<<: {seed: 1}", ":1: unknown key '<<'"),
    ("seed: 1\nseed: 2", ":1:1: 'seed' appears twice"),
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
    ("enable_teacache: 1", ":1: 'enable_teacache': expected true or false, found 1"),
    (
      "num_skip_start_steps: 0",
      ":1: 'num_skip_start_steps': expected a whole number, 1 to 1000, found 0"
    ),
    (
      "acceleration: lora",
      ":1: 'acceleration': expected alp, distill, teacache, none, found the text \"lora\""
    ),
    ("alp_order: 5", ":1: 'alp_order': expected a whole number, 0 to 4, found 5"),
    ("alp_series: pade", ":1: 'alp_series': expected taylor, newton, found the text \"pade\""),
    ("alp_alpha: 11", ":1: 'alp_alpha': expected a number, 0 to 10, found 11"),
    ("alp_intervall: 5", ":1: unknown key 'alp_intervall'; did you mean 'alp_interval'?"),
    (
      "distill_steps: [500, 1000]",
      ":1: 'distill_steps': expected whole numbers that go down, like [1000, 750, 500, 250], found a list"
    ),
    (
      "step_distill_kwargs:\n  denoising_step_list: [1000, 500]\n  step_distill_infer_steps: 4",
      ":3: 'step_distill_kwargs.step_distill_infer_steps': expected 2, for as many are in 'denoising_step_list', found 4"
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
    ("\"a\\e[31m\": 1", ":1: unknown key 'a\\u{1b}[31m'"),
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
