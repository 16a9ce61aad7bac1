/// A window's passes so far: which were computed, and which of them the next ones are made from.
package struct PassHistory: Sendable, Equatable, Codable {
  /// Steps whose pass was computed, in order.
  package var computedSteps: [Int] = []
  /// Those of them that were to be predicted, had the prediction been in family.
  package var fallbackCount = 0
  /// Steps whose hidden states are kept for each guidance branch, newest first.
  package var keptSteps: [Guidance.Prediction: [Int]] = [:]
  /// What the prediction of each guidance branch depends on besides them.
  package var records: [Guidance.Prediction: PredictionRecord] = [:]

  package init() {}

  /// The passes that are kept.
  ///
  /// - Parameter window: whose history this is.
  package func keptPasses(ofWindow window: Int) -> [KeptPass] {
    keptSteps.flatMap { prediction, steps in
      steps.map { KeptPass(window: window, prediction: prediction, step: $0) }
    }
  }
}
