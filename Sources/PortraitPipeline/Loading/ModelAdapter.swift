import Checkpoints
import Foundation

/// An adapter (LoRA) that is merged into a network's weights.
package struct ModelAdapter: Sendable, Equatable {
  package var path: String
  /// How strongly it counts.
  package var weight: Float
  package var rules: AdapterRules

  package init(path: String, weight: Float = 1, rules: AdapterRules = .standard) {
    self.path = path
    self.weight = weight
    self.rules = rules
  }

  /// The file's name and the weight, as users write them.
  package var title: String { "\(URL(fileURLWithPath: path).lastPathComponent):\(weight)" }

  /// All of how it is merged; not what is in the file.
  var description: String {
    "weight \(weight), alpha \(rules.honoursAlpha), volumes \(rules.mergesVolumes), "
      + "misfits \(rules.leavesOutMisfits)"
  }
}
