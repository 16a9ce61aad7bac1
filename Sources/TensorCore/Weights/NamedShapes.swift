/// Shapes by tensor name: what a network's sizes are read from where its configuration does not tell
/// them.
package struct NamedShapes: Sendable {
  /// In the order of the file.
  package let names: [String]
  private let shapes: [String: Shape]

  /// - Parameter tensors: of two with the same name the first counts.
  package init(_ tensors: [(name: String, shape: Shape)]) {
    names = tensors.map(\.name)
    shapes = Dictionary(
      tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
  }

  package subscript(name: String) -> Shape? { shapes[name] }

  /// Size of an axis of a tensor, nil where the tensor or the axis is missing.
  package func size(_ name: String, axis: Int) -> Int? {
    guard let shape = shapes[name], axis < shape.rank else { return nil }
    return shape[axis]
  }

  /// Size of an axis of the first tensor whose name ends so: any block will do.
  package func anySize(endingIn suffix: String, axis: Int) -> Int? {
    names.first { $0.hasSuffix(suffix) }.flatMap { size($0, axis: axis) }
  }

  /// Highest number after "group." plus one.
  package func count(of group: String) -> Int {
    let start = group + "."
    let numbers = names.compactMap { name -> Int? in
      guard name.hasPrefix(start) else { return nil }
      return Int(name.dropFirst(start.count).prefix { $0 != "." })
    }
    // An absurd number in a name must not make a list of that length.
    return min(numbers.max() ?? -1, 9_999) + 1
  }
}
