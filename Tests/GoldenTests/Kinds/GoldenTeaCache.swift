import Diffusion
import Foundation
import Layers
import TensorCore
import TestSupport
import WanModels

/// A run of calls of one transformer behind the cache.
private struct CachedRun: Decodable {
  let threshold: Double
  let startSteps: Int
  /// Calls after which everything starts anew.
  let steps: Int
  let calls: Int

  enum CodingKeys: String, CodingKey {
    case threshold, steps, calls
    case startSteps = "skip_start_steps"
  }

  var cache: TeaCache {
    var cache = TeaCache()
    (cache.threshold, cache.startSteps) = (threshold, startSteps)
    return cache
  }

  /// The choices of all calls.
  func choices(_ embeddings: [Tensor]) throws -> [TeaCache.Choice] {
    try stride(from: 0, to: calls, by: steps).flatMap { start in
      try cache.choices(embeddings: Array(embeddings[start..<min(start + steps, calls)]))
    }
  }

  /// What each call predicts; between two calls the latents become 0.97 x + 0.01 prediction.
  func predictions(
    _ model: TransformerCase, computed: [Bool], on context: ComputeContext
  ) throws -> [Tensor] {
    let timesteps = try model.golden.floats("input.timesteps")
    let condition = try TransformerCase.withoutBatch(model.golden.input("input.y"))
    let branch = try model.branch(of: "output.ip_scale_1.0")
    var latents = try TransformerCase.withoutBatch(model.golden.input("input.x"))
    var residual: Tensor?
    return try computed.enumerated().map { call, isComputed in
      var state = try model.transformer.embed(
        latents, condition: condition, timestep: Double(timesteps[call % steps]), grid: model.grid)
      // The blocks overwrite what they begin with.
      let input = try state.hidden.branch(0).affine(scale: 1, on: context)
      let output: Tensor
      if !isComputed, let residual {
        output = try input.combined(with: residual, by: .add, on: context)
      } else {
        try model.transformer.runBlocks(&state, branches: [branch].compactMap(\.self))
        output = state.hidden.branch(0)
        residual = try output.combined(with: input, by: .subtract, on: context)
      }
      let prediction = try model.transformer.velocity(of: output, state)
      latents = try prediction.scaled(
        by: 0.01, adding: latents.affine(scale: 0.97, on: context), on: context)
      return prediction
    }
  }
}

/// The timestep-embedding cache: its decisions, and the predictions with blocks left out.
///
/// The first distance of a run, which is used for nothing, is stored as 0.
@Sendable func checkTeaCache(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let run = try golden.configuration(as: CachedRun.self)
  let model = try TransformerCase(golden, execution)
  let timesteps = try golden.floats("input.timesteps")
  let embeddings = try (0..<run.calls).map {
    try model.transformer.timeConditions(Double(timesteps[$0 % run.steps])).e0
  }
  let choices = try run.choices(embeddings)
  let stacked = try Tensor(
    embeddings.flatMap { try $0.floats() }, shape: Shape([run.calls] + embeddings[0].shape.axes))
  let predictions = try run.predictions(
    model, computed: choices.map(\.isComputed), on: execution.context)
  let synthetic = try golden.input("input.synthetic")
  let made = try run.cache.choices(embeddings: (0..<synthetic.shape[0]).map { synthetic[$0] })
  let distances = (0...30).map { Float($0) / 100 }
  var differences = [
    try model.state(stacked, "e0"),
    try model.difference(
      Tensor(
        predictions.flatMap { try $0.floats() },
        shape: Shape([run.calls] + predictions[0].shape.axes)), "output.predictions"),
    try golden.difference(distances, from: "output.polynomial_at"),
    try golden.difference(
      distances.map { Float(TeaCache.rescaled(Double($0))) }, from: "output.polynomial"),
  ]
  // The decisions are the same in both modes: the timestep is embedded in float32.
  let noted: [(name: String, values: [Double])] = [
    ("computed", choices.map { $0.isComputed ? 1 : 0 }),
    ("synthetic_computed", made.map { $0.isComputed ? 1 : 0 }),
    ("accumulated", choices.map(\.accumulated)),
    ("synthetic_accumulated", made.map(\.accumulated)),
    ("relative_distance", choices.map(\.distance)),
  ]
  for (name, values) in noted {
    differences.append(
      try golden.difference(values.map { Float($0) }, from: "output." + name))
  }
  return differences.compactMap(\.self)
}
