import Diffusion
import TensorCore
import WanModels

/// How a model's hidden states and velocity change over a run, in its first window: a reader can
/// judge by it whether the model is like a trained one. All figures are root-mean-square, relative
/// to what changes.
package struct FieldSmoothness: Sendable, Encodable {
  /// Differences of order 1 to 4 of the last block's output over steps that lie an interval apart;
  /// means over the run.
  package let differences: [Double]
  /// The last block's output, from the first step to the last.
  package let change: Double
  /// Each block's output over the interval in the middle of the run.
  package let changeOfBlocks: [Double]
  /// What each block but the first adds to the residual stream in the middle of the run.
  package let additionOfBlocks: [Double]
  /// The velocity in the middle of the run, were the latents still noise.
  package let byLatents: Double
  /// Were it told the first timestep.
  package let byTimestep: Double
  /// Had it no expression.
  package let byExpression: Double
}

extension SmoothModel {
  /// Computes steps of a run again and looks at them.
  ///
  /// - Parameters:
  ///   - run: of the parameters; all steps computed.
  ///   - interval: in steps; five of them in the run.
  /// - Throws: `NetworkError`, `DiffusionError`, `TensorError`.
  package func smoothness(
    of run: Outcome, _ parameters: JobParameters, interval: Int
  ) throws -> FieldSmoothness {
    let schedule = try parameters.sampler.sampler(
      steps: parameters.steps, shift: parameters.shift
    ).schedule
    let probe = try WindowProbe(self)
    func look(_ step: Int, at timestep: Int? = nil) throws -> WindowProbe.View {
      try probe.look(
        at: run.latents[step], timestep: schedule.timesteps[timestep ?? step])
    }
    let middle = schedule.stepCount / 2
    let (now, later) = (try look(middle), try look(min(middle + interval, schedule.stepCount - 1)))
    let outputs = try stride(from: 0, to: schedule.stepCount, by: interval).map {
      try look($0).blocks.last ?? []
    }
    let last = try look(schedule.stepCount - 1).blocks.last ?? []
    let blocks = now.blocks
    return FieldSmoothness(
      differences: Self.differences(outputs), change: relativeDistance(last, outputs[0]),
      changeOfBlocks: zip(later.blocks, blocks).map(relativeDistance),
      additionOfBlocks: zip(blocks.dropFirst(), blocks).map(relativeDistance),
      byLatents: relativeDistance(try look(0, at: middle).velocity, now.velocity),
      byTimestep: relativeDistance(try look(middle, at: 0).velocity, now.velocity),
      byExpression: relativeDistance(now.velocityWithoutExpression, now.velocity))
  }

  private static func differences(_ outputs: [[Float]]) -> [Double] {
    func mean(_ rows: [[Float]]) -> Double {
      rows.map(rootMeanSquare).reduce(0, +) / Double(max(rows.count, 1))
    }
    var differences = outputs
    return (1...4).map { _ in
      differences = zip(differences.dropFirst(), differences).map { zip($0, $1).map { $0 - $1 } }
      return mean(differences) / mean(outputs)
    }
  }
}

/// The first window's pass, seen from inside.
private struct WindowProbe {
  struct View {
    /// After each block, with expression.
    var blocks: [[Float]] = []
    var velocity: [Float] = []
    var velocityWithoutExpression: [Float] = []
  }

  private let transformer: Transformer
  private let condition: Tensor
  private let grid: TokenGrid
  private let branches: [GuidanceBranch]
  private let frames: Range<Int>

  init(_ model: SmoothModel) throws {
    let conditions = model.conditions
    transformer = model.transformer
    condition = conditions.condition
    frames = model.windows.windows[0]
    let y = condition.shape
    grid = try transformer.grid(latents: [transformer.config.outDim, y[1], y[2], y[3]])
    let text = try transformer.textContext(conditions.prompt)
    let image = try transformer.imageContext(conditions.image)
    let video = ContextWindows.videoFrames(of: frames)
    let tokens = try model.portraitEncoder(conditions.features.sliced(video).contiguous())
    let portrait = try transformer.portraitContext(
      model.portraitEncoder.split(tokens, frames: video.count).tokens)
    branches = [
      GuidanceBranch(text: text, image: image, portrait: portrait),
      GuidanceBranch(text: text, image: image),
    ]
  }

  func look(at latents: Tensor, timestep: Double) throws -> View {
    var view = View()
    let velocities = try transformer(
      latents.sliced(frames, axis: 1).contiguous(), condition: condition, timestep: timestep,
      grid: grid, branches: branches
    ) { _, hidden in view.blocks.append(try hidden.branch(0).floats()) }
    view.velocity = try velocities[0].floats()
    view.velocityWithoutExpression = try velocities[1].floats()
    return view
  }
}
