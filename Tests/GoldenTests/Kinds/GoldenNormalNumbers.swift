import Layers
import TensorCore
import TestSupport

/// Normal numbers of PyTorch's CPU generator, and the state that each draw leaves behind.
@Sendable func checkNormalNumbers(_ golden: Golden, _: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let seeds: [String]
    let shapes: [[Int]]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for text in configuration.seeds {
    // Negative seeds are taken as PyTorch does, by their bits.
    guard let seed = UInt64(text) ?? Int64(text).map(UInt64.init(bitPattern:)) else {
      differences.append("seed '\(text)' is no number")
      continue
    }
    for axes in configuration.shapes {
      for (dtype, type) in [(DType.f32, "f32"), (.bf16, "bf16")] {
        let draw = "seed\(text)_\(axes.map(String.init).joined(separator: "x"))_\(type)"
        var generator = MersenneGenerator(seed: seed)
        for (name, shape) in [(draw, Shape(axes)), ("next7_after_" + draw, [7])] {
          let numbers = try generator.normal(shape, dtype: dtype)
          guard golden.has("output." + name) else { continue }
          differences.append(try golden.difference(numbers, from: "output." + name))
        }
      }
    }
  }
  return differences.compactMap(\.self)
}
