import Checkpoints
import Diffusion
import FlashPortraitCLI
import PortraitPipeline
import Testing

/// What makes a job faster: what flags, files and checkpoints decide together.
@Suite struct AccelerationRequestTests {
  private static func checkpoints(
    adapter: Bool = true, tinyVAE: Bool = true, isNamed: Bool = false
  ) -> AcceleratingCheckpoints {
    AcceleratingCheckpoints(
      adapter: .init("c/lora", isThere: adapter, isNamed: isNamed),
      tinyVAE: .init("c/tiny", isThere: tinyVAE))
  }

  private func request(_ change: (inout AccelerationRequest) -> Void) -> AccelerationRequest {
    var request = AccelerationRequest()
    change(&request)
    return request
  }

  // MARK: By itself

  @Test func theAdapterIsTakenWhereItIsThere() throws {
    let choice = try AccelerationRequest().choice(from: Self.checkpoints())
    #expect(choice.kind == .distillation && choice.reason == "c/lora is there")
    #expect(choice.distilledSteps == [1000, 750, 500, 250])
    #expect(choice.adapter == ModelAdapter(path: "c/lora", weight: 1, rules: .stepDistillation))
    #expect(choice.usesTinyVAE == true && choice.tinyVAEReason == "c/tiny is there")
    #expect(choice.notes.isEmpty)

    var parameters = JobParameters()
    parameters.sampler = .flowUniPC
    choice.apply(to: &parameters)
    #expect(parameters.distilledSteps == [1000, 750, 500, 250] && parameters.steps == 4)
    #expect(parameters.acceleration == .none && parameters.expressionScale == 4)
    #expect(parameters.sampler == .flow && parameters.usesTinyVAE)
  }

  @Test func withoutItStepsArePredicted() throws {
    let choice = try AccelerationRequest().choice(
      from: Self.checkpoints(adapter: false, tinyVAE: false))
    #expect(choice.kind == .prediction && choice.reason == "no c/lora")
    #expect(choice.adapter == nil && choice.distilledSteps == nil)
    #expect(choice.usesTinyVAE == false && choice.tinyVAEReason == "no c/tiny")
    var parameters = JobParameters()
    choice.apply(to: &parameters)
    var expected = JobParameters()
    expected.acceleration = .prediction(LatentPrediction())
    #expect(parameters == expected)
  }

  /// Flags that the adapter does not take lead away from it.
  @Test func flagsThatOnlyOneKindTakesChooseIt() throws {
    func choice(
      _ change: (inout AccelerationRequest) -> Void
    ) throws -> AccelerationChoice {
      try request(change).choice(from: Self.checkpoints())
    }
    let order = try choice { $0.flags.order = 2 }
    #expect(order.kind == .prediction && order.reason == "--alp-order")
    #expect(order.prediction?.order == 2 && order.prediction?.interval == 5)
    let threshold = try choice { $0.flags.threshold = 0.3 }
    #expect(threshold.kind == .teaCache && threshold.teaCache?.threshold == 0.3)
    let steps = try choice { $0.steps = 20 }
    #expect(steps.kind == .prediction)
    #expect(steps.reason == "--num-inference-steps 20 is not for the LoRA")
    #expect(try choice { $0.steps = 4 }.kind == .distillation)
    let sampler = try choice { $0.sampler = .flowDPM }
    #expect(sampler.kind == .prediction)
    #expect(sampler.reason == "--sampler flow-dpm++ is not for the LoRA")
    let distilled = try choice { $0.flags.distilledSteps = [1000, 500] }
    #expect(distilled.distilledSteps == [1000, 500] && distilled.kind == .distillation)
  }

  @Test func theTinyVAE() throws {
    func choice(
      _ change: (inout AccelerationRequest) -> Void
    ) throws -> AccelerationChoice {
      try request(change).choice(from: Self.checkpoints())
    }
    let tiled = try choice { $0.tilesVAE = true }
    #expect(tiled.usesTinyVAE == false && tiled.tinyVAEReason == "the VAE runs in tiles")
    let refused = try choice { $0.usesTinyVAE = false }
    #expect(refused.usesTinyVAE == false && refused.tinyVAEReason == "--no-tiny-vae")
    let over = try choice {
      $0.usesTinyVAE = true
      $0.usesTinyVAEOfFile = false
    }
    #expect(over.usesTinyVAE == true && over.tinyVAEReason == "--tiny-vae")
    let configured = try choice { $0.usesTinyVAEOfFile = false }
    #expect(configured.tinyVAEReason == "use_tiny_vae: false")
  }

  // MARK: Files

  @Test func whatFilesAskFor() throws {
    func kind(
      _ change: (inout AccelerationRequest) -> Void
    ) throws -> AccelerationKind {
      try request(change).choice(from: Self.checkpoints()).kind
    }
    #expect(try kind { $0.files.kind = .teaCache } == .teaCache)
    #expect(try kind { $0.files.distills = false } == .prediction)
    #expect(try kind { $0.files.caches = true } == .teaCache)
    #expect(
      try kind {
        $0.files.caches = true
        $0.flags.caches = false
      } == .distillation)
    #expect(
      try kind {
        $0.files.kind = .teaCache
        $0.flags.kind = AccelerationKind.none
      } == .none)
    // Values of one kind are no wish for it: the files in config/ have all of them.
    #expect(try kind { $0.files.order = 1 } == .distillation)
  }

  @Test func whatFilesSayGivesWayWithANote() throws {
    let choice = try request {
      $0.stepsOfFile = 30
      $0.samplerOfFile = .flowUniPC
      $0.files.distills = true
      $0.files.caches = true
    }.choice(from: Self.checkpoints())
    #expect(choice.kind == .distillation)
    #expect(
      choice.notes == [
        "num_inference_steps: 30 is not used: the 4-step LoRA has 4",
        "sampler_name: flow-unipc is not used: the 4-step LoRA has its own",
        "enable_teacache: true is not used beside the 4-step LoRA",
      ])
    let same = try request { $0.stepsOfFile = 4 }.choice(from: Self.checkpoints())
    #expect(same.notes.isEmpty)
  }

  @Test func flagsWinOverFilesValueByValue() throws {
    let choice = try request {
      $0.flags.kind = .prediction
      $0.flags.interval = 2
      $0.files.interval = 8
      $0.files.series = .taylor
      $0.files.isDynamic = false
      $0.files.clock = .sigmas
      $0.files.alpha = 1
    }.choice(from: Self.checkpoints())
    let prediction = try #require(choice.prediction)
    #expect(prediction.interval == 2 && prediction.order == 3 && prediction.series == .taylor)
    #expect(!prediction.isDynamic && prediction.clock == .sigmas && prediction.alpha == 1)
  }

  // MARK: Refusals

  private static let contradictions: [(@Sendable (inout AccelerationRequest) -> Void, String)] = [
    (
      {
        $0.flags.kind = .distillation
        $0.flags.order = 2
      }, "--acceleration distill and --alp-order contradict each other"
    ),
    (
      {
        $0.flags.kind = AccelerationKind.none
        $0.flags.isDynamic = false
      }, "--acceleration none and --alp-no-dynamic contradict each other"
    ),
    (
      {
        $0.flags.caches = true
        $0.flags.distilledSteps = [1000]
      }, "--teacache and --distill-steps contradict each other"
    ),
    (
      {
        $0.flags.kind = .teaCache
        $0.flags.caches = false
      }, "--acceleration teacache and --no-teacache contradict each other"
    ),
    (
      {
        $0.flags.kind = .distillation
        $0.steps = 20
      },
      "--num-inference-steps 20: the 4-step LoRA (--acceleration distill) has 4 steps; leave this "
        + "out, or give --acceleration alp"
    ),
    (
      {
        $0.files.distills = true
        $0.sampler = .flowUniPC
      },
      "--sampler flow-unipc: the 4-step LoRA (enable_step_distill: true) has a sampler of its own; "
        + "leave this out, or give --acceleration alp"
    ),
    (
      {
        $0.choosesByItself = false
        $0.flags.threshold = 0.2
      }, "--teacache-threshold: give --teacache too, or leave this out"
    ),
  ]

  @Test(arguments: contradictions.indices)
  func whatContradictsItself(index: Int) throws {
    let (change, message) = Self.contradictions[index]
    let error = #expect(throws: CommandError.self) {
      try request(change).choice(from: Self.checkpoints())
    }
    #expect(error == .usage(message))
  }

  private static let missing: [(@Sendable (inout AccelerationRequest) -> Void, String)] = [
    (
      { $0.flags.kind = .distillation },
      "c/lora: no such file; it holds the 4-step LoRA, which --acceleration distill asks for: "
        + "download it, or give --acceleration alp"
    ),
    (
      { $0.files.distills = true },
      "c/lora: no such file; it holds the 4-step LoRA, which enable_step_distill: true asks for: "
        + "download it, or give --acceleration alp"
    ),
    (
      { $0.usesTinyVAE = true },
      "c/tiny: no such file; it holds the tiny VAE, which --tiny-vae asks for: download it, or give "
        + "--no-tiny-vae"
    ),
  ]

  /// What was asked for and is not there is never replaced.
  @Test(arguments: missing.indices)
  func whatIsNotThere(index: Int) throws {
    let (change, message) = Self.missing[index]
    let error = #expect(throws: CheckpointError.self) {
      try request(change).choice(from: Self.checkpoints(adapter: false, tinyVAE: false))
    }
    #expect(error?.description == message)
  }

  /// A path in a file is a wish, unless another kind is asked for.
  @Test func aNamedAdapterMustBeThere() throws {
    let checkpoints = Self.checkpoints(adapter: false, isNamed: true)
    #expect(throws: CheckpointError.self) {
      try AccelerationRequest().choice(from: checkpoints)
    }
    #expect(
      try request { $0.flags.kind = .prediction }.choice(from: checkpoints).kind == .prediction)
    #expect(try request { $0.files.distills = false }.choice(from: checkpoints).kind == .prediction)
  }

  // MARK: All steps

  /// `infer` does what it is asked for and no more.
  @Test func theCommandOfAllStepsChoosesNothing() throws {
    func choice(
      _ change: (inout AccelerationRequest) -> Void
    ) throws -> AccelerationChoice {
      try request {
        $0.choosesByItself = false
        change(&$0)
      }.choice(from: Self.checkpoints())
    }
    let plain = try choice {
      $0.files.kind = .prediction
      $0.files.distills = true
    }
    #expect(plain.kind == .none && plain.usesTinyVAE == nil && plain.rows.isEmpty)
    var parameters = JobParameters()
    plain.apply(to: &parameters)
    #expect(parameters == JobParameters())

    let cached = try choice {
      $0.files.caches = true
      $0.flags.threshold = 0.25
      $0.files.startSteps = 7
    }
    cached.apply(to: &parameters)
    var cache = TeaCache()
    (cache.threshold, cache.startSteps) = (0.25, 7)
    #expect(parameters.acceleration == .teaCache(cache) && !parameters.usesTinyVAE)
    #expect(cached.rows.map(\.title) == ["speed"])
    #expect(cached.rows.map(\.text) == ["TeaCache: threshold 0.25 (enable_teacache: true)"])
    #expect(
      try choice {
        $0.files.caches = true
        $0.flags.caches = false
      }.kind == .none)
  }
}
