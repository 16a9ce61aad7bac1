import TensorCore

/// Which predictions a step needs, and how they become one velocity (01-pipeline, 1.6).
package struct Guidance: Sendable, Equatable {
  /// What the network is asked for.
  package enum Prediction: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// The prompt and the expression.
    case full
    /// The prompt alone.
    case withoutExpression
    /// The negative prompt alone.
    case negative
    /// The negative prompt and the expression.
    case negativeWithExpression
  }

  package let textScale: Float
  package let expressionScale: Float

  package init(textScale: Float, expressionScale: Float) {
    self.textScale = textScale
    self.expressionScale = expressionScale
  }

  /// No guidance: the full prediction alone.
  package static let none = Guidance(textScale: 1, expressionScale: 1)

  /// In the order in which `velocity` takes them. Those that share a prompt are neighbours.
  package var predictions: [Prediction] {
    switch (expressionScale > 1, textScale != 1) {
    case (true, false): [.full, .withoutExpression]
    case (true, true): [.full, .withoutExpression, .negative]
    case (false, true): [.full, .negativeWithExpression]
    case (false, false): [.full]
    }
  }

  /// - Parameter values: one for each of `predictions`, float32 of one shape.
  /// - Throws: `TensorError`.
  package func velocity(_ values: [Tensor], on context: ComputeContext) throws -> Tensor {
    precondition(values.count == predictions.count, "\(values.count) predictions")
    switch (expressionScale > 1, textScale != 1) {
    case (true, false):
      return try values[1].moved(towards: values[0], times: expressionScale, on: context)
    case (true, true):
      let text = try values[2].moved(towards: values[1], times: textScale, on: context)
      let expression = try values[0].adding(values[1], times: -1, on: context)
      return try text.adding(expression, times: expressionScale, on: context)
    case (false, true):
      return try values[1].moved(towards: values[0], times: textScale, on: context)
    case (false, false): return values[0]
    }
  }
}
