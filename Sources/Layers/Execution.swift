import TensorCore

/// How a network computes: in which arithmetic, and on what.
package struct Execution: Sendable {
  /// Of products, convolutions and attention. Norms, softmax and whatever else stands between them
  /// are float32 in every mode.
  package let arithmetic: Arithmetic
  /// The kernels and threads.
  package let context: ComputeContext

  /// - Parameter arithmetic: `.f32` for parity with a reference, `.bf16` for work.
  package init(arithmetic: Arithmetic = .bf16, context: ComputeContext = .shared) {
    self.arithmetic = arithmetic
    self.context = context
  }

  /// In what activations are kept between products: float32 in f32 mode, else bfloat16.
  package var activationType: DType { arithmetic == .f32 ? .f32 : .bf16 }

  /// The arithmetic of what has no 8-bit form: attention and convolutions.
  package var floatingArithmetic: Arithmetic { arithmetic == .f32 ? .f32 : .bf16 }
}
