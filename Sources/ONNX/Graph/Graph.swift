import TensorCore

/// A model's graph, or the branch of a control flow node.
package struct Graph: Sendable {
  package var nodes: [Node]
  /// Values known from the file, by name.
  package var initializers: [String: Tensor]
  /// What the caller gives; initializers with default values are left out.
  package var inputs: [ValueDescription]
  package var outputs: [ValueDescription]
}

/// What is known of an input or output of a model.
package struct ValueDescription: Sendable, Equatable {
  /// Size of an axis.
  package enum Dimension: Sendable, Equatable, CustomStringConvertible {
    case fixed(Int)
    /// Any size; the same for all axes of that name.
    case symbolic(String)

    package var description: String {
      switch self {
      case .fixed(let size): "\(size)"
      case .symbolic(let name): name.isEmpty ? "?" : name
      }
    }
  }

  package var name: String
  /// nil where the file names no type.
  package var dtype: DType?
  /// nil where the file says nothing, not even the number of axes.
  package var dimensions: [Dimension]?

  /// "image: F32 [batch, 3, 160, 272]".
  package var description: String {
    let axes = dimensions.map { $0.map(\.description).joined(separator: ", ") } ?? "..."
    return "\(name): \(dtype?.rawValue ?? "any type") [\(axes)]"
  }
}
