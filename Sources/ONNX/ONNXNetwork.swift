import Foundation
import TensorCore

/// A network of an ONNX file, ready to run; several threads may run it at once.
package final class ONNXNetwork: Sendable {
  /// Where it comes from, for messages.
  package let file: String
  /// What `run` takes; symbolic sizes are free.
  package let inputs: [ValueDescription]
  /// What `run` returns.
  package let outputs: [ValueDescription]

  private let plan: Plan
  private let context: ComputeContext

  /// Reads, checks and prepares a model.
  ///
  /// - Parameters:
  ///   - path: the file; external data lies beside or below it.
  ///   - byteLimit: what the values of one run may take together; nil for half of the machine's
  ///     memory.
  /// - Throws: `ONNXError.unreadable`, `.malformed`, `.unknownOperators`, `.node`.
  package init(
    contentsOf path: String, context: ComputeContext = .shared, byteLimit: Int? = nil
  ) throws {
    let model = try ModelFile(contentsOf: path)
    (plan, inputs, outputs) = try Self.prepared(
      model.graph, file: path, context: context, byteLimit: byteLimit)
    file = path
    self.context = context
  }

  /// As from a file, of its bytes.
  ///
  /// - Parameters:
  ///   - name: for messages.
  ///   - folder: where external data lies.
  package init(
    _ bytes: Data, name: String, folder: URL, context: ComputeContext = .shared,
    byteLimit: Int? = nil
  ) throws {
    let model = try ModelFile(bytes, file: name, folder: folder)
    (plan, inputs, outputs) = try Self.prepared(
      model.graph, file: name, context: context, byteLimit: byteLimit)
    file = name
    self.context = context
  }

  private static func prepared(
    _ graph: Graph, file: String, context: ComputeContext, byteLimit: Int?
  ) throws -> (Plan, [ValueDescription], [ValueDescription]) {
    let unknown = graph.unknownOperators().map { node in
      "\(node.domain.isEmpty ? "" : node.domain + ".")\(node.operatorName) (opset \(node.opset))"
    }
    guard unknown.isEmpty else {
      throw ONNXError.unknownOperators(file: file, operators: Set(unknown).sorted())
    }
    let limit = byteLimit ?? SystemMemory.current().total / 2
    let builder = PlanBuilder(
      file: file, context: OperatorContext(compute: context, byteLimit: limit))
    return (try builder.plan(graph), graph.inputs, graph.outputs)
  }

  /// Runs the network.
  ///
  /// - Parameter values: one tensor for each of `inputs`, of its type and shape.
  /// - Returns: `outputs` by name, row-major.
  /// - Throws: `ONNXError.input`, `.node`.
  package func run(_ values: [String: Tensor]) throws -> [String: Tensor] {
    let results = try plan.run(ordered(values))
    return Dictionary(zip(outputs.map(\.name), results), uniquingKeysWith: { first, _ in first })
  }

  /// The caller's values in the order of the inputs, checked.
  private func ordered(_ values: [String: Tensor]) throws -> [Tensor] {
    let names = inputs.map(\.name)
    for name in values.keys.sorted() where !names.contains(name) {
      throw ONNXError.input(
        file: file, name: name, expected: "inputs of the model: \(names.joined(separator: ", "))",
        found: "one of another name")
    }
    var sizes: [String: Int] = [:]
    return try inputs.map { input in
      guard let value = values[input.name] else {
        throw ONNXError.input(
          file: file, name: input.name, expected: input.description, found: "nothing")
      }
      guard input.accepts(value, symbols: &sizes) else {
        throw ONNXError.input(
          file: file, name: input.name, expected: input.description,
          found: "\(value.dtype.rawValue) \(value.shape)")
      }
      return value
    }
  }
}

extension ValueDescription {
  /// Whether a value is of this type and shape.
  ///
  /// - Parameter symbols: sizes of names met so far.
  func accepts(_ value: Tensor, symbols: inout [String: Int]) -> Bool {
    guard dtype == nil || dtype == value.dtype else { return false }
    guard let dimensions else { return true }
    guard dimensions.count == value.shape.rank else { return false }
    for (dimension, size) in zip(dimensions, value.shape.axes) {
      switch dimension {
      case .fixed(let expected): if size != expected { return false }
      case .symbolic(let name):
        if name.isEmpty { continue }
        if let known = symbols[name], known != size { return false }
        symbols[name] = size
      }
    }
    return true
  }
}
