import ArgumentParser
import Checkpoints
import Foundation
import TensorCore

/// What `convert` makes of the element types.
enum TargetType: String, ExpressibleByArgument, CaseIterable {
  case keep, bf16, f16, f32

  /// nil: leave as it is.
  var dtype: DType? {
    switch self {
    case .keep: nil
    case .bf16: .bf16
    case .f16: .f16
    case .f32: .f32
    }
  }
}

/// How `convert` shrinks the weights of products to eight bits.
enum Quantisation: String, ExpressibleByArgument, CaseIterable {
  /// Symmetric, one scale for each output channel.
  case int8

  /// Plain rounding to float8 E4M3, as the published `qfloat8` memory modes do.
  case f8
}

/// A size on the command line: "5GB", "500MB", "1GiB" or bytes.
struct ByteSize: ExpressibleByArgument, Equatable {
  let bytes: Int

  init?(argument: String) {
    let units = [
      "": 1, "b": 1, "k": 1_000, "kb": 1_000, "m": 1_000_000, "mb": 1_000_000,
      "g": 1_000_000_000, "gb": 1_000_000_000, "t": 1_000_000_000_000, "tb": 1_000_000_000_000,
      "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    ]
    let number = argument.prefix { $0.isNumber || $0 == "." }
    let unit = argument.dropFirst(number.count).trimmingCharacters(in: .whitespaces).lowercased()
    guard let value = Double(number), let factor = units[unit] else { return nil }
    let product = value * Double(factor)
    guard product >= 1, product < 9e18 else { return nil }
    bytes = Int(product)
  }
}

extension WeightedPath: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }
}
