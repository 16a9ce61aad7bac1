import Checkpoints
import Layers
import TensorCore
import TestSupport

/// The weight formula: first and last values, sums, the raw stream, noise.
@Sendable func checkProceduralWeights(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    struct Item: Decodable {
      let name: String
      let shape: [Int]
      let offset: Float
      let scale: Float
      let absolute: Bool
    }
    struct Noise: Decodable {
      let name: String
      let shape: [Int]
      let scale: Float
    }
    let items: [Item]
    let noise: [Noise]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  func compare(_ name: String, with values: (_ stored: Int) -> [Float]) throws {
    guard golden.has(name) else { return }
    let got = values(try golden.tensor(name).count)
    differences.append(try golden.difference(got, from: name))
  }
  for (index, item) in configuration.items.enumerated() {
    let shape = Shape(item.shape)
    let want = ProceduralRule(offset: item.offset, scale: item.scale, absolute: item.absolute)
    let rule = ProceduralRule(name: item.name, shape: shape)
    if rule != want { differences.append("\(item.name) \(shape): \(rule), expected \(want)") }
    let values = try ProceduralWeights.tensor(
      item.name, shape: shape, dtype: .f32, on: execution.context
    ).floats()
    try compare("output.first_\(index)") { Array(values.prefix($0)) }
    try compare("output.last_\(index)") { Array(values.suffix($0)) }
    try compare("output.sum_\(index)") { _ in [Float(values.reduce(0.0) { $0 + Double($1) })] }
    // The stream itself, which no rule has touched; ours is rounded like every value by formula.
    let raw = "output.r_\(index)"
    guard golden.has(raw) else { continue }
    let stream = try ProceduralWeights.noise(
      item.name, shape: golden.tensor(raw).shape, scale: 1, on: execution.context)
    differences.append(try golden.difference(stream, from: raw, rounded: .bf16))
  }
  for (index, item) in configuration.noise.enumerated() {
    let noise = try ProceduralWeights.noise(
      item.name, shape: Shape(item.shape), scale: item.scale, on: execution.context
    ).floats()
    try compare("output.noise_\(index)") { Array(noise.prefix($0)) }
  }
  return differences.compactMap(\.self)
}
