import Layers
import PortraitPipeline
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
        // The noise of a job: latents of one clip.
        guard axes.count == 5, axes[0] == 1, axes[1] == 16, dtype == .f32 else { continue }
        var parameters = JobParameters()
        parameters.seed = seed
        let noise = try parameters.noise(
          frames: axes[2], size: PictureSize(width: 8 * axes[4], height: 8 * axes[3]))
        differences.append(try golden.difference(noise, from: "output." + draw))
      }
    }
  }
  return differences.compactMap(\.self)
}
