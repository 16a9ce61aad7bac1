import Layers
import TensorCore

/// FAN's residual block: three convolutions one after another, each of what came out of the last,
/// normalised and rectified; what the three give, side by side, is added to the input
/// (face-alignment `ConvBlock`).
struct ConvolutionBlock: Sendable {
  private let outputs: Int
  private let execution: Execution
  private let stages: [Stage]  // bn1 conv1, bn2 conv2, bn3 conv3
  /// Where the number of channels changes.
  private let shortcut: Stage?  // downsample.0, downsample.2

  /// A norm, ReLU and a convolution.
  private struct Stage: Sendable {
    let norm: BatchNorm
    let convolution: Convolution
  }

  /// - Parameter weights: scoped to the block ("model.conv2.").
  init(
    _ inputs: Int, _ outputs: Int, weights: any TensorSource, execution: Execution
  ) throws {
    self.outputs = outputs
    self.execution = execution
    func stage(
      _ inputs: Int, _ outputs: Int, kernel: Int, norm: String, convolution: String
    ) throws -> Stage {
      let padding = (kernel - 1) / 2
      return Stage(
        norm: try BatchNorm(inputs, weights: weights.scoped(norm)),
        convolution: try Convolution(
          weight: weights.claim(convolution, shape: [outputs, inputs, kernel, kernel]),
          geometry: .init(padding: [0, padding, padding]),
          arithmetic: execution.floatingArithmetic, on: execution.context))
    }
    let widths = [inputs, outputs / 2, outputs / 4, outputs / 4]
    stages = try (1...3).map { number in
      try stage(
        widths[number - 1], widths[number], kernel: 3, norm: "bn\(number).",
        convolution: "conv\(number).weight")
    }
    shortcut =
      inputs == outputs
      ? nil
      : try stage(
        inputs, outputs, kernel: 1, norm: "downsample.0.", convolution: "downsample.2.weight")
  }

  /// - Parameter x: `[pictures, rows, columns, inputs]`.
  /// - Returns: `[pictures, rows, columns, outputs]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try Tensor(
      uninitialized: Shape(x.shape.axes.dropLast() + [outputs]), dtype: execution.activationType)
    var source = x
    var first = 0
    for stage in stages {
      let channels = first..<first + stage.convolution.outputChannels
      let target = y.sliced(channels, axis: 3)
      _ = try stage.convolution(source, prologue: stage.norm.rectified, output: target)
      source = target
      first = channels.upperBound
    }
    guard let shortcut else {
      return try y.combined(with: x, by: .add, into: y, on: execution.context)
    }
    return try shortcut.convolution(
      x, prologue: shortcut.norm.rectified, epilogue: .init(residual: y), output: y)
  }
}
