import Diffusion
import Foundation
import Layers
import TensorCore
import TestSupport

/// Windows, the schedules of the samplers and a trajectory of each.
private struct ScheduleRun: Decodable {
  let steps: Int
  /// 5, or 5.5: as it is written in the tensors' names.
  let shift: Double
  /// The steps after which the latents are stored.
  let keptSteps: [Int]
  let distilledSteps: [Int]?

  enum CodingKeys: String, CodingKey {
    case steps, shift
    case keptSteps = "kept_steps"
    case distilledSteps = "denoising_step_list"
  }

  var name: String {
    let isWhole = shift == shift.rounded()
    return "\(steps)_shift\(isWhole ? String(Int(shift)) : String(shift))"
  }

  func sampler(of kind: String) throws -> any Sampler {
    switch kind {
    case "scheduler_euler": try SamplerKind.flow.sampler(steps: steps, shift: shift)
    case "scheduler_unipc": try SamplerKind.flowUniPC.sampler(steps: steps, shift: shift)
    case "scheduler_dpm": try SamplerKind.flowDPM.sampler(steps: steps, shift: shift)
    default:
      EulerSampler(
        try distilledSteps.map { try .distilled(steps: $0, shift: shift) }
          ?? .distilled(shift: shift))
    }
  }

  /// The latents after the stored steps.
  func trajectory(
    from sample: Tensor, _ sampler: any Sampler, on context: ComputeContext
  ) throws -> Tensor {
    var latents = sample
    var history = SamplerHistory()
    var kept: [Float] = []
    for step in 0..<steps {
      let share = Float(sampler.schedule.timesteps[step] / 1000)
      let velocity = try latents.floats().map { sin(3 * $0) * share + 0.1 * $0 }
      latents = try sampler.advance(
        latents, velocity: Tensor(velocity, shape: latents.shape), step: step, history: &history,
        on: context)
      if keptSteps.contains(step) { kept += try latents.floats() }
    }
    return try Tensor(kept, shape: Shape([keptSteps.count] + sample.shape.axes.dropFirst()))
  }
}

@Sendable func checkSchedule(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable { let runs: [ScheduleRun] }
  let sample = try golden.input("input.sample")
  return try golden.configuration(as: Configuration.self).runs.flatMap { run in
    let sampler = try run.sampler(of: golden.kind)
    let schedule = sampler.schedule
    let trajectory = try run.trajectory(from: sample, sampler, on: execution.context)
    return [
      try golden.difference(schedule.sigmas.map { Float($0) }, from: "output.sigmas_\(run.name)"),
      try golden.difference(
        schedule.timesteps.map { Float($0) }, from: "output.timesteps_\(run.name)"),
      try golden.difference(trajectory, from: "output.trajectory_\(run.name)"),
    ].compactMap(\.self)
  }
}

/// The table of windows. Clips shorter than a window are left as they are stored: the published code
/// wraps round in them, where we shorten the window.
@Sendable func checkContextWindows(
  _ golden: Golden, _ execution: Execution
) throws -> [String] {
  let combinations = try golden.integers("input.combos")
  var table = try WindowTable(golden)
  for row in 0..<combinations.count / 3 {
    let (frames, size) = (combinations[3 * row], combinations[3 * row + 1])
    guard frames >= size else { continue }
    try table.fill(row, frames: frames, size: size, overlap: combinations[3 * row + 2])
  }
  let weights = try golden.tensor("output.blend_weights").shape
  let rows = try (0..<weights[0]).flatMap { count in
    // With one frame the published code divides by zero.
    let stored = try golden.tensor("output.blend_weights").sliced(count..<count + 1).floats()
    let known = count == 1 ? [stored[0]] : ContextWindows.blendWeights(count)
    return known + [Float](repeating: -1, count: weights[1] - count)
  }
  return try table.differences()
    + [golden.difference(rows, from: "output.blend_weights")].compactMap(\.self)
}

/// What the case stores of windows; -1 where there is nothing.
private struct WindowTable {
  private let golden: Golden
  private var columns: [String: [Int]]
  private let windowLimit: Int
  private let frameLimit: Int

  init(_ golden: Golden) throws {
    self.golden = golden
    columns = [:]
    for name in golden.names(prefix: "output.") where name != "output.blend_weights" {
      columns[name] = try golden.integers(name)
    }
    let shape = try golden.tensor("output.windows").shape
    (windowLimit, frameLimit) = (shape[1], shape[2])
  }

  mutating func fill(_ row: Int, frames: Int, size: Int, overlap: Int) throws {
    let windows = try ContextWindows(latentFrames: frames, size: size, overlap: overlap)
    let starts = try ContextWindows.starts(latentFrames: frames, size: size, overlap: overlap)
    set("windows", row, windows.windows.map(Array.init))
    // Before the fix-up the last window goes on at the clip's beginning.
    set("windows_before_fixup", row, starts.map { ($0..<$0 + size).map { $0 % frames } })
    // The first window has none before it.
    set("overlap_lengths", row, [-1] + windows.overlaps.dropFirst())
    columns["output.window_counts"]?[row] = windows.count
    // Usable, but where the published code divides by zero.
    columns["output.status"]?[row] = windows.overlaps.contains(1) ? 2 : 0
  }

  private mutating func set(_ name: String, _ row: Int, _ windows: [[Int]]) {
    var values = [Int](repeating: -1, count: windowLimit * frameLimit)
    for (window, frames) in windows.enumerated() {
      values.replaceSubrange(
        window * frameLimit..<window * frameLimit + frames.count, with: frames)
    }
    columns["output." + name]?.replaceSubrange(
      row * values.count..<(row + 1) * values.count, with: values)
  }

  private mutating func set(_ name: String, _ row: Int, _ values: [Int]) {
    let padded = values + [Int](repeating: -1, count: windowLimit - values.count)
    columns["output." + name]?.replaceSubrange(
      row * windowLimit..<(row + 1) * windowLimit, with: padded)
  }

  func differences() throws -> [String] {
    try columns.sorted { $0.key < $1.key }.compactMap { name, values in
      try golden.difference(values.map { Float($0) }, from: name)
    }
  }
}
