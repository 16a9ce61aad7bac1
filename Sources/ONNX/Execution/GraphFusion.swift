import TensorCore

/// Joins nodes that one kernel can do at once.
struct GraphFusion {
  private(set) var nodes: [Node]
  private(set) var constants: [String: Tensor]
  /// Values that must stay.
  let outputs: Set<String>

  init(nodes: [Node], constants: [String: Tensor], outputs: Set<String>) {
    self.nodes = nodes
    self.constants = constants
    self.outputs = outputs
  }

  mutating func run() throws {}
}
