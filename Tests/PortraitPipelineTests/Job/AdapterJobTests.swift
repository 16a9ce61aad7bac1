import Checkpoints
import Diffusion
import Foundation
import MediaIO
import PortraitPipeline
import TensorCore
import TestSupport
import Testing

/// Jobs whose networks have adapters merged into them, and jobs of distilled models.
///
/// One at a time: each computes on several threads, and others wait for their turn beside them.
@Suite(.serialized) struct AdapterJobTests {
  private let tiny: TinyJob
  private let adapter: String

  init() throws {
    tiny = try TinyJob()
    let plan = try SynthesisPlan(.tiny, networks: [], adapter: true)
    try CheckpointSynthesis(plan, folder: tiny.folder.file("made"), overwrites: false).run { _ in }
    adapter = tiny.folder.file("made/FlashPortrait/fast_lora_rank64.safetensors")
  }

  private func job(
    _ request: JobRequest, _ adapters: [ModelAdapter], mode: MemoryMode? = nil
  ) throws -> PortraitJob {
    var request = request
    request.memoryMode = mode
    let context = try ComputeContext(instructionSet: .best, threadCount: 2)
    let models = try ModelFolder(tiny.checkpoints, adapters: adapters)
    return try PortraitJob(request, networks: JobNetworks(models, context: context))
  }

  /// The latents after two steps.
  private func latents(
    _ adapters: [ModelAdapter], _ change: (inout JobParameters) -> Void = { _ in }
  ) throws -> [UInt8] {
    var request = tiny.request("latents-\(UUID().uuidString).mp4", change)
    request.stopAfterStep = 2
    let outcome = try job(request, adapters).run { _ in }
    #expect(outcome.end == .stopped(step: 2))
    let file = try Checkpoint.openFile("\(request.output).work/latents.safetensors")
    return try file.tensor("latents").bytes()
  }

  private func told(_ job: PortraitJob) throws -> TinyJob.Told {
    var told = TinyJob.Told()
    _ = try job.run { told.events.append($0) }
    return told
  }

  /// A file with pairs for the text encoder, and for the transformer where asked for.
  private func promptAdapter(withTransformer: Bool) throws -> String {
    let path = tiny.folder.file("kohya-\(withTransformer).safetensors")
    let width = ModelGeometry.tiny.textEncoder.dim
    var tensors = try [
      ("lora_te_blocks_0_attn_q.lora_down.weight", Shape([2, width])),
      ("lora_te_blocks_0_attn_q.lora_up.weight", Shape([width, 2])),
    ].map { (name: $0, tensor: try ProceduralWeights.noise($0, shape: $1, scale: 0.5)) }
    if withTransformer {
      let bias = try ProceduralWeights.noise("b", shape: [96], scale: 0.5)
      tensors.append(("lora_unet__blocks_0_ffn_2.diff_b", bias))
    }
    try SafetensorsWriter.write(tensors, to: path)
    return path
  }

  // MARK: What counts

  @Test func weightsCountAndNothingElse() throws {
    let without = try latents([])
    #expect(try latents([ModelAdapter(path: adapter, weight: 0)]) == without)
    let whole = try latents([ModelAdapter(path: adapter)])
    let half = ModelAdapter(path: adapter, weight: 0.5)
    #expect(whole != without)
    #expect(try latents([half]) != whole)
    #expect(try latents([ModelAdapter(path: adapter, rules: .stepDistillation)]) == whole)
  }

  @Test(arguments: [false, true])
  func thePromptMayHaveItsOwn(withTransformer: Bool) throws {
    let path = try promptAdapter(withTransformer: withTransformer)
    let models = try ModelFolder(tiny.checkpoints, adapters: [ModelAdapter(path: path)])
    #expect(try models.adapters(of: .textEncoder).count == 1)
    #expect(try models.adapters(of: .transformer).count == (withTransformer ? 1 : 0))
    #expect(try models.adapters(of: .imageEncoder).isEmpty)
    #expect(try latents([ModelAdapter(path: path)]) != latents([]))
  }

  @Test func misfitsAreRefusedBeforeAnythingRuns() throws {
    let pair = try [("a.lora_A.weight", Shape([2, 96])), ("a.lora_B.weight", [96, 2])].map {
      ("diffusion_model.blocks.7.self_attn." + $0, try Tensor(zeros: $1, dtype: .f32))
    }
    let strange = tiny.folder.file("strange.safetensors")
    try SafetensorsWriter.write(pair.map { (name: $0, tensor: $1) }, to: strange)
    let request = tiny.request()
    // Whatever it is to count.
    for weight: Float in [1, 0] {
      do {
        _ = try job(request, [ModelAdapter(path: strange, weight: weight)])
        Issue.record("accepted")
      } catch CheckpointError.adapterMismatch(let report) {
        #expect(report.path == strange && report.merged.isEmpty)
      }
    }
    #expect(!tiny.exists("\(request.output).work"))
  }

  // MARK: What a change concerns

  @Test func anotherWeightStartsTheRightStagesOver() throws {
    let kohya = try promptAdapter(withTransformer: false)
    func adapters(_ weights: (Float, Float)) -> [ModelAdapter] {
      [
        ModelAdapter(path: adapter, weight: weights.0),
        ModelAdapter(path: kohya, weight: weights.1),
      ]
    }
    func request(_ output: String) -> JobRequest {
      var request = tiny.request(output)
      request.workFolder = tiny.folder.file("work")
      return request
    }
    _ = try told(job(request("a.mp4"), adapters((1, 1))))
    let same = try told(job(request("b.mp4"), adapters((1, 1))))
    #expect(same.kept == [.denoising, .decoding] && same.notes.isEmpty, "\(same.notes)")
    let transformer = try told(job(request("c.mp4"), adapters((0.5, 1))))
    #expect(transformer.kept == [.text, .image, .condition])
    #expect(transformer.notes.contains { $0.contains("a different --lora; starting over") })
    let text = try told(job(request("d.mp4"), adapters((0.5, 2))))
    #expect(text.kept == [.image, .condition])
    #expect(text.notes.contains { $0.contains("a different --lora; starting over") })
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: adapter)
    let file = try told(job(request("e.mp4"), adapters((0.5, 2))))
    #expect(file.kept == [.text, .image, .condition])
  }

  @Test func theOutputNamesThem() throws {
    let request = tiny.request()
    let adapters = [ModelAdapter(path: adapter, weight: 0.75), ModelAdapter(path: adapter)]
    _ = try job(request, adapters).run { _ in }
    let tags = try #require(JobTags.parameters(in: try MediaTags.read(request.output)))
    #expect(
      tags.first { $0.name == "lora" }?.value
        == "fast_lora_rank64.safetensors:0.75, fast_lora_rank64.safetensors:1.0")
    #expect(try job(request, adapters).isDone)
    #expect(try !job(request, Array(adapters.prefix(1))).isDone)
    #expect(try !job(request, []).isDone)
  }

  // MARK: Cost

  @Test func thePlanCountsWhatIsMerged() throws {
    let file = try Checkpoint.openFile(adapter)
    var (operations, bytes) = (0.0, 0)
    for entry in file.entries {
      let isInBlocks = entry.name.hasPrefix("diffusion_model.blocks.")
      // The weight that it changes.
      let count: Int
      let rank: Int
      if entry.name.hasSuffix(".lora_down.weight") {
        let up = entry.name.replacingOccurrences(of: "lora_down", with: "lora_up")
        let rows = try file.tensor(up).shape[0]
        (count, rank) = (rows * entry.shape[1], entry.shape[0])
      } else {
        if entry.name.hasSuffix(".lora_up.weight") { continue }
        (count, rank) = (entry.shape.count, 1)
      }
      if isInBlocks { operations += 2 * Double(rank * count) }
      // All three blocks have the same size; weights are bfloat16.
      if !isInBlocks || entry.name.hasPrefix("diffusion_model.blocks.0.") { bytes += 2 * count }
    }
    let models = try ModelFolder(tiny.checkpoints, adapters: [ModelAdapter(path: adapter)])
    let cost = try models.mergingCost(of: .transformer)
    #expect(cost == MergingCost(bytes: bytes, operations: operations))
    #expect(try models.mergingCost(of: .textEncoder) == MergingCost())

    let request = tiny.request()
    let (plain, merged) = (
      try job(request, []).plan, try job(request, [ModelAdapter(path: adapter)]).plan
    )
    let passes = Double(plain.windows.count * plain.steps)
    #expect(abs(merged.operations - plain.operations - passes * operations) < 1)
  }

  // MARK: Distilled models

  @Test func distilledStepsTakeTheSamplersPlace() throws {
    func distil(_ parameters: inout JobParameters) {
      parameters.distilledSteps = [1000, 750, 500, 250]
      parameters.steps = 30
    }
    let request = tiny.request { distil(&$0) }
    let plan = try tiny.job(request).plan
    #expect(plan.steps == 4)
    #expect(plan.forwards == 4 * plan.windows.count * 2)
    // Whatever sampler and number of steps are given besides.
    let expected = try latents([], distil)
    #expect(
      try latents([]) {
        distil(&$0)
        ($0.sampler, $0.steps) = (.flow, 7)
      } == expected)
    #expect(try latents([]) { ($0.sampler, $0.steps) = (.flow, 4) } != expected)
    #expect(
      try latents([]) {
        distil(&$0)
        $0.shift = 3
      } != expected)
    try tiny.run(request)
    let tags = try #require(JobTags.parameters(in: try MediaTags.read(request.output)))
    let values = Dictionary(uniqueKeysWithValues: tags.map { ($0.name, $0.value) })
    #expect(values["distilled_steps"] == "1000, 750, 500, 250")
    #expect(values["num_inference_steps"] == "4" && values["sampler"] == "flow")
  }

  @Test func otherLevelsStartOver() throws {
    func request(_ levels: [Int]) -> JobRequest {
      var request = tiny.request("\(levels.count)-\(levels[0]).mp4") { $0.distilledSteps = levels }
      request.workFolder = tiny.folder.file("work")
      return request
    }
    _ = try tiny.told(request([1000, 500]))
    let told = try tiny.told(request([999, 500]))
    #expect(told.kept == [.text, .image, .condition])
    #expect(told.notes.contains { $0.contains("distilled steps") }, "\(told.notes)")
  }

  @Test(arguments: [[], [0], [1001], [500, 500], [250, 500]])
  func impossibleLevelsAreRefused(levels: [Int]) throws {
    let request = tiny.request { $0.distilledSteps = levels }
    #expect(throws: DiffusionError.self) { try tiny.job(request) }
  }
}
