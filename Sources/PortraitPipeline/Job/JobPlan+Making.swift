import Diffusion
import Layers
import MediaIO
import OutputFiles
import TensorCore
import WanModels

extension JobPlan {
  /// Bytes that the program takes beside what the stages need.
  private static let base = 100 << 20
  /// Frames of the driving video that are in memory at a time, decoded ahead or being looked at.
  private static let framesAhead = 16
  /// Bytes that x264 takes for each pixel of a frame, its lookahead included.
  private static let encoderBytesPerPixel = 120

  /// The plan of a job.
  ///
  /// - Parameter drivingFrames: nil where nobody knows; then a window's worth is assumed.
  /// - Throws: `PipelineError`, `CheckpointError`, `NetworkError`, `OutputError`.
  static func make(
    _ request: JobRequest, _ inputs: JobInputs, drivingFrames: Int?, _ networks: NetworkSizes
  ) throws -> JobPlan {
    let parameters = request.parameters
    let window = LatentScale.videoFrames(ofLatentFrames: parameters.contextSize)
    let count = drivingFrames ?? min(window, parameters.frameLimit ?? window)
    let clip = try ClipLength(drivingFrames: count, length: parameters.length)
    let windows = try ContextWindows(
      latentFrames: clip.latentFrames, size: parameters.contextSize,
      overlap: parameters.contextOverlap)
    var plan = JobPlan(
      size: PictureSize(width: inputs.columns, height: inputs.rows),
      frameRate: inputs.frameRate(parameters), drivingFrames: count,
      isCounted: inputs.features != nil, madeFrames: clip.madeFrames,
      outputFrames: clip.kept.count, windows: windows, steps: parameters.stepCount, forwards: 0,
      memoryMode: .modelCPUOffload, peakMemory: 0, mappedWeights: 0, disk: 0, operations: 0,
      workFolder: request.workFolder ?? request.usualWorkFolder)
    let video = inputs.features == nil ? inputs.video : nil
    try plan.estimate(
      parameters, networks, videoPixels: video.map { $0.rows * $0.columns } ?? 0)
    try plan.chooseMemoryMode(request.memoryMode, weights: networks.weights)
    return plan
  }

  private mutating func estimate(
    _ parameters: JobParameters, _ networks: NetworkSizes, videoPixels: Int
  ) throws {
    let transformer = networks.transformer
    let (rows, columns) = (size.height / LatentScale.pixels, size.width / LatentScale.pixels)
    let patch = transformer.patchSize
    let windowFrames = windows.windows[0].count
    let tokens = windowFrames * (rows / patch[1]) * (columns / patch[2])
    let branches = parameters.guidance.predictions.count
    let guided = try WindowedDenoiser.guidedSteps(
      of: steps, skippedShare: parameters.guidanceSkip)
    let computed = parameters.acceleration.plannedSteps(of: steps)
    forwards = computed.reduce(0) { $0 + windows.count * ($1 < guided ? branches : 1) }
    let portraitRows = networks.portraitRows
    let contextRows = transformer.textLength + networks.imageRows
    operations =
      Double(forwards)
      * transformer.operations(
        tokens: tokens, contextRows: contextRows, portraitRows: portraitRows, branches: 1)
      + Double(windows.count * computed.count) * networks.merging.operations
      + networks.decodingOperations(latentFrames: latentFrames)

    let type: DType = parameters.arithmetic == .f32 ? .f32 : .bf16
    let prompts = parameters.textScale == 1 ? 1 : 2
    let keyBytes = 2 * transformer.dim * type.byteCount
    let kept =
      (prompts * transformer.textLength + networks.imageRows) * transformer.numLayers * keyBytes
    let tokenBytes = transformer.portraitDim * (DType.f32.byteCount + type.byteCount)
    let frame = transformer.outDim * rows * columns * DType.f32.byteCount
    let latents = latentFrames * frame
    let histories = parameters.effectiveSampler.historyCount * windows.count * windowFrames * frame
    let features = madeFrames * networks.expression.width * DType.f32.byteCount
    // TeaCache has the blocks' input beside their output.
    let inputs =
      parameters.acceleration == .none ? 0 : tokens * transformer.dim * DType.f32.byteCount
    let denoising =
      inputs + transformer.memoryNeeded(tokens: tokens, branches: branches, type: type) + kept
      + networks.merging.bytes + windowFrames * portraitRows * (keyBytes + tokenBytes) + 3 * latents
      + histories + features
    let pixels = size.width * size.height
    let reading = networks.expressionMemory + 3 * videoPixels * Self.framesAhead
    peakMemory =
      Self.base
      + max(
        reading, networks.conditionMemory, denoising,
        networks.decodingMemory + Self.encoderBytesPerPixel * pixels)
    // The latents before and after a step and what samplers remember, all twice while they are
    // replaced, beside the estimate; so is the decoder's memory; the features; pieces of video and
    // the whole one.
    let passes =
      windows.count * branches * parameters.acceleration.keptPassLimit * tokens * transformer.dim
      * DType.f32.byteCount
    disk =
      5 * latents + 2 * histories + 2 * networks.sessionBytes + features + 2 * outputBytes + passes
  }

  /// Takes the mode that was asked for, where it fits, else the fastest that does.
  private mutating func chooseMemoryMode(_ asked: MemoryMode?, weights: [Int]) throws {
    if let asked, [.modelFullLoadQuantised, .modelCPUOffloadQuantised].contains(asked) {
      throw PipelineError.parameter(
        flag: "--memory-mode \(asked.rawValue)",
        expected: "model_full_load, model_cpu_offload or sequential_cpu_offload",
        found: "8-bit weights, which are not there yet")
    }
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
