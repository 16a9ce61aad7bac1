import TensorCore

/// Runs a node: one tensor for each of its inputs (nil for one that is left out), one for each output.
///
/// * Inputs may have any strides (transposes and slices are views; pictures often lie channels last
///   under an `[N, C, H, W]` shape). Never write into an input.
/// * Outputs may be views of inputs and may have any strides. Where the layout does not matter, the
///   result takes that of the input: `Tensor.dense` tells whether elements lie without gaps.
/// * New tensors come from `OperatorContext.tensor`, which bounds their size.
/// * Called from several threads at once; what it keeps is read-only.
package typealias Kernel = @Sendable ([Tensor?]) throws -> [Tensor]

/// Checks a node's attributes and known inputs and returns what runs it; throws `ONNXError.invalid`
/// or `TensorError`.
package typealias OperatorBuilder = @Sendable (NodePreparation) throws -> Kernel

/// What an operator's builder is given.
package struct NodePreparation: Sendable {
  package let node: Node
  /// For each input its value where it is known before the run (initializers, folded constants).
  package let constants: [Tensor?]
  package let context: OperatorContext

  package init(node: Node, constants: [Tensor?], context: OperatorContext) {
    self.node = node
    self.constants = constants
    self.context = context
  }

  /// A known input; nil where it is left out or only known at run time.
  package func constant(_ index: Int) -> Tensor? {
    index < constants.count ? constants[index] : nil
  }
}

/// What operators run on.
package struct OperatorContext: Sendable {
  /// Kernels and threads.
  package let compute: ComputeContext
  /// Largest tensor that a node may make, in bytes: a small damaged file can ask for any size.
  package let byteLimit: Int

  package init(compute: ComputeContext = .shared, byteLimit: Int) {
    self.compute = compute
    self.byteLimit = byteLimit
  }

  /// A row-major tensor of undefined content.
  ///
  /// - Throws: `TensorError.invalidShape`, `ONNXError.invalid` where it would be above the limit.
  package func tensor(_ axes: [Int], _ dtype: DType) throws -> Tensor {
    let shape = try Shape(validating: axes)
    let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: dtype.byteCount)
    guard !overflow, bytes <= byteLimit else {
      throw ONNXError.invalid(
        "a result of shape \(shape) is larger than the limit of \(byteLimit >> 20) MiB")
    }
    return try Tensor(uninitialized: shape, dtype: dtype)
  }

  /// A tensor whose elements lie in memory as those of `model` (dense, of the same shape) do.
  package func tensor(like model: Tensor, _ dtype: DType) throws -> Tensor {
    let made = try tensor(model.shape.axes, dtype)
    return Tensor(
      storage: made.storage, dtype: dtype, shape: model.shape, strides: model.strides,
      byteOffset: made.byteOffset)
  }
}

/// An operator: which versions of the standard's operator set it is right for, and how it is built.
package struct OperatorDefinition: Sendable {
  /// First operator set with the operator; a builder asks `node.opset` where versions differ.
  package let since: Int
  /// Numbers of inputs, `minimum ... maximum`; checked before the builder runs.
  package let inputs: ClosedRange<Int>
  /// Most outputs.
  package let outputs: Int
  package let build: OperatorBuilder

  package init(
    since: Int = 1, inputs: ClosedRange<Int>, outputs: Int = 1, build: @escaping OperatorBuilder
  ) {
    self.since = since
    self.inputs = inputs
    self.outputs = outputs
    self.build = build
  }

  /// For operators that take any number of inputs.
  package static let manyInputs = 1 << 20
}
