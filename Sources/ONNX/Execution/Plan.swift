import TensorCore

/// A graph ready to run: kernels in order, values in numbered slots.
struct Plan: Sendable {
  struct Step: Sendable {
    let kernel: Kernel
    /// Slots; nil for an optional input that is left out.
    let inputs: [Int?]
    /// Slots; nil for outputs that nobody wants.
    let outputs: [Int?]
    /// Slots whose last reader this step is.
    let released: [Int]
    /// For messages.
    let description: String
  }

  let file: String
  let steps: [Step]
  /// The slots before the first step: constants stand in theirs.
  let slots: [Tensor?]
  let inputs: [Int]
  let outputs: [Int]
  let byteLimit: Int

  /// - Parameter values: one for each input.
  /// - Throws: `ONNXError.node`.
  func run(_ values: [Tensor]) throws -> [Tensor] {
    var slots = slots
    var owned = [Int](repeating: 0, count: slots.count)
    var live = 0
    for (slot, value) in zip(inputs, values) { slots[slot] = value }
    for step in steps {
      let operands = step.inputs.map { $0.flatMap { slots[$0] } }
      let results: [Tensor]
      do { results = try step.kernel(operands) } catch { throw wrapped(error, step) }
      guard results.count >= step.outputs.count else {
        throw wrapped(ONNXError.invalid("\(step.outputs.count) outputs are not made"), step)
      }
      for (slot, result) in zip(step.outputs, results) {
        guard let slot else { continue }
        slots[slot] = result
        if !operands.contains(where: { $0?.storage === result.storage }) {
          owned[slot] = result.storage.byteCount
          live += owned[slot]
        }
      }
      guard live <= byteLimit else {
        throw wrapped(
          ONNXError.invalid("the model's values need more than \(byteLimit >> 20) MiB"), step)
      }
      for slot in step.released {
        slots[slot] = nil
        live -= owned[slot]
      }
    }
    return try outputs.map { slot in
      guard let value = slots[slot] else { preconditionFailure("the builder checks the outputs") }
      return try value.contiguous()
    }
  }

  private func wrapped(_ error: any Error, _ step: Step) -> any Error {
    ONNXError.atNode(error, file: file, node: step.description)
  }
}

extension ONNXError {
  /// An operator's error with the place where it happened.
  static func atNode(_ error: any Error, file: String, node: String) -> any Error {
    switch error {
    case ONNXError.invalid(let reason): ONNXError.node(file: file, node: node, reason: reason)
    case let error as TensorError:
      ONNXError.node(file: file, node: node, reason: error.description)
    default: error
    }
  }
}
