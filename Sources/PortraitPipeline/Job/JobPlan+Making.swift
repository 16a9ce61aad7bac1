import Diffusion
import Layers
import MediaIO
import OutputFiles
import TensorCore
import WanModels

extension JobPlan {
  /// Bytes that the program takes beside what the stages need.
  private static let base = 150 << 20
  /// Bytes of the features' stage at the published sizes: two small networks, the motion encoder with
  /// its transformed kernels, and some frames.
  private static let featureStage = 700 << 20
  /// Bytes that x264 takes for each pixel of a frame, its lookahead included.
  private static let encoderBytesPerPixel = 120

  /// Bytes per stage.
  struct Memory {
    var stages: [JobStage: Int]

    var peak: Int { (stages.values.max() ?? 0) + JobPlan.base }
  }

  /// The plan of a job.
  ///
  /// - Parameter drivingFrames: nil where nobody knows; then a window's worth is assumed.
  /// - Throws: `PipelineError`, `CheckpointError`, `NetworkError`, `OutputError`.
  static func make(
    _ request: JobRequest, _ inputs: JobInputs, drivingFrames: Int?, networks: JobNetworks
  ) throws -> JobPlan {
    let parameters = request.parameters
    let count = drivingFrames ?? 4 * parameters.contextSize
    let clip = try ClipLength(drivingFrames: count, length: parameters.length)
    let windows = try ContextWindows(
      latentFrames: clip.latentFrames, size: parameters.contextSize,
      overlap: parameters.contextOverlap)
    var plan = JobPlan(
      size: PictureSize(width: inputs.columns, height: inputs.rows),
      frameRate: inputs.frameRate(parameters), drivingFrames: count,
      isCounted: inputs.features != nil, madeFrames: clip.madeFrames,
      outputFrames: clip.kept.count, windows: windows, steps: parameters.steps, forwards: 0,
      memoryMode: .modelCPUOffload, peakMemory: 0, mappedWeights: 0, disk: 0, operations: 0,
      workFolder: request.workFolder ?? "\(request.output).work")
    try plan.estimate(parameters, networks)
    try plan.chooseMemoryMode(request.memoryMode, networks.models)
    return plan
  }

  private mutating func estimate(
    _ parameters: JobParameters, _ networks: JobNetworks
  ) throws {
    let transformer = try networks.transformer().config
    let patch = transformer.patchSize
    let frames = windows.windows[0].count
    let (rows, columns) = (size.height / 8, size.width / 8)
    let tokens = frames * (rows / patch[1]) * (columns / patch[2])
    let branches = parameters.guidance.predictions.count
    let guided = try WindowedDenoiser.guidedSteps(
      of: steps, skippedShare: parameters.guidanceSkip)
    let passes = guided * branches + (steps - guided)
    forwards = windows.windows.count * passes
    let contextRows = transformer.textLength + 257
    operations =
      Double(forwards)
      * transformer.operations(
        tokens: tokens, contextRows: contextRows, portraitRows: 97, branches: 1)
    let type = networks.execution.activationType
    let prompts = parameters.textScale == 1 ? 1 : 2
    let keys =
      2 * (prompts * transformer.textLength + 257) * transformer.dim * type.byteCount
      * transformer.numLayers
    let portraitRows = 97 * frames
    let portrait =
      portraitRows * (transformer.portraitDim * 8 + 2 * transformer.dim * type.byteCount)
    let latents = 16 * latentFrames * rows * columns * 4
    var stages: [JobStage: Int] = [.features: Self.featureStage]
    stages[.denoising] =
      transformer.memoryNeeded(tokens: tokens, branches: branches, type: type) + keys + portrait
      + 3 * latents + madeFrames * 554 * 4
    stages[.decoding] = Self.encoderBytesPerPixel * size.width * size.height
    if parameters.usesTinyVAE {
      let decoder = try networks.tinyVAEDecoder()
      operations += decoder.operations(
        latentFrames: latentFrames, rows: size.height, columns: size.width)
    } else {
      let decoder = try networks.vaeDecoder()
      operations += decoder.operations(
        latentFrames: latentFrames, rows: size.height, columns: size.width)
      stages[.decoding, default: 0] += decoder.memoryNeeded(
        rows: size.height, columns: size.width, tiling: parameters.tiling)
    }
    stages[.condition] = try networks.vaeEncoder().memoryNeeded(
      rows: size.height, columns: size.width)
    peakMemory = Memory(stages: stages).peak
    // Two states of the latents while one is replaced, the pieces of video, and the joined video.
    disk = 4 * latents + madeFrames * (554 * 4 + size.width * size.height / 4) + 64 << 20
  }

  /// Takes the mode that was asked for, where it fits, else the fastest that does.
  private mutating func chooseMemoryMode(_ asked: MemoryMode?, _ models: ModelFolder) throws {
    if let asked, [.modelFullLoadQuantised, .modelCPUOffloadQuantised].contains(asked) {
      throw PipelineError.parameter(
        flag: "--memory-mode \(asked.rawValue)",
        expected: "model_full_load, model_cpu_offload or sequential_cpu_offload",
        found: "8-bit weights, which are not there yet")
    }
    let weights = try NetworkName.allCases.filter { $0 != .tinyVAE }.map(models.weightBytes)
    let usable = SystemMemory.current().usable
    func needed(_ mode: MemoryMode) -> Int {
      switch mode {
      case .modelFullLoad, .modelFullLoadQuantised: weights.reduce(peakMemory, +)
      case .modelCPUOffload, .modelCPUOffloadQuantised: peakMemory + (weights.max() ?? 0)
      case .sequentialCPUOffload: peakMemory
      }
    }
    let choices = asked.map { [$0] } ?? [.modelFullLoad, .modelCPUOffload, .sequentialCPUOffload]
    guard let mode = choices.first(where: { needed($0) <= usable }) else {
      let mode = choices[choices.count - 1]
      throw PipelineError.memory(
        mode: mode.rawValue, needed: needed(mode), available: usable)
    }
    memoryMode = mode
    mappedWeights = weights.reduce(0, +)
  }
}

extension JobParameters {
  package var guidance: Guidance {
    Guidance(textScale: textScale, expressionScale: expressionScale)
  }

  var tiling: VideoTiling? { tilesVAE ? .published : nil }
}
