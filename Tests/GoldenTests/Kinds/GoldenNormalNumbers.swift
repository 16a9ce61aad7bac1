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
    guard let seed = UInt64(text) else {
      differences.append("seed '\(text)' is no number")
      continue
    }
    for axes in configuration.shapes {
      for (dtype, type) in [(DType.f32, "f32"), (.bf16, "bf16")] {
        let draw = "seed\(text)_\(axes.map(String.init).joined(separator: "x"))_\(type)"
        var generator = MersenneGenerator(seed: seed)
        let first = try generator.normal(Shape(axes), dtype: dtype)
        differences.append(try golden.difference(first, from: "output.\(draw)"))
        let next = try generator.normal([7], dtype: dtype)
        differences.append(try golden.difference(next, from: "output.next7_after_\(draw)"))
      }
    }
  }
  return differences.compactMap(\.self)
}
