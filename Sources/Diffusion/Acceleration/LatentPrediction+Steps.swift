extension LatentPrediction {
  /// Full steps that a prediction is made from, and so the hidden states that are kept, at most.
  package var nodeLimit: Int { order + 1 }

  /// Whether a step is computed: the first, the last, and the one that is an interval behind the last
  /// computed one.
  ///
  /// - Parameters:
  ///   - step: from 0.
  ///   - lastFull: the last step that was computed, whether it was to be or because its prediction was
  ///     no good; nil where none was.
  package func isFull(step: Int, lastFull: Int?, of stepCount: Int) -> Bool {
    guard let lastFull, step < stepCount - 1 else { return true }
    return step - lastFull >= interval
  }

  /// The steps that are computed where every prediction is good.
  package func fullSteps(of stepCount: Int) -> [Int] {
    (0..<stepCount).reduce(into: []) { steps, step in
      if isFull(step: step, lastFull: steps.last, of: stepCount) { steps.append(step) }
    }
  }
}
