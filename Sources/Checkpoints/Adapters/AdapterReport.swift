import Foundation
import TensorCore

/// What became of an adapter's tensors.
package struct AdapterReport: Equatable, Sendable, CustomStringConvertible {
  /// Tensors that were not merged, and why.
  package struct Misfit: Equatable, Sendable {
    package let names: [String]
    package let reason: Reason

    package init(names: [String], reason: Reason) {
      self.names = names
      self.reason = reason
    }
  }

  package enum Reason: Equatable, Sendable, CustomStringConvertible {
    /// The network has no such weight.
    case noTarget

    /// The name has none of the known forms.
    case unknownForm

    /// The other one of a pair is missing.
    case halfPair

    case shape(target: String, expected: Shape, found: String)

    /// Left out on purpose: pairs for five-dimensional weights, where the rules say so.
    case leftOutByRule

    package var description: String {
      switch self {
      case .noTarget: "matches no weight of the network"
      case .unknownForm: "is no tensor of a known kind of adapter"
      case .halfPair: "has no counterpart (a pair is lora_down and lora_up, or lora_A and lora_B)"
      case .shape(let target, let expected, let found):
        "does not fit \(target) \(expected): found \(found)"
      case .leftOutByRule: "is for a five-dimensional weight and is left out by convention"
      }
    }
  }

  package let path: String

  /// Weights that were changed.
  package let merged: [String]
  package let misfits: [Misfit]

  private static let lineLimit = 24

  package var description: String {
    var lines = [
      merged.isEmpty
        ? "\(path): the adapter changes no weight of this network: is it made for another one?"
        : "\(path): of the adapter's tensors \(misfits.map(\.names.count).reduce(0, +)) fit no "
          + "weight of this network (\(merged.count) weights match): is it made for another one?"
    ]
    lines += misfits.prefix(Self.lineLimit).map {
      "  \($0.names.joined(separator: ", ")) \($0.reason)"
    }
    if misfits.count > Self.lineLimit {
      lines.append("  and \(misfits.count - Self.lineLimit) more")
    }
    return lines.map(\.printable).joined(separator: "\n")
  }
}
