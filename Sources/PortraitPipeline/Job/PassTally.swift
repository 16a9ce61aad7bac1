import Diffusion

/// What became of the passes of a run: how many were computed, what that has saved.
struct PassTally {
  private var computed = Duration.zero
  private var computedCount = 0
  private var made = Duration.zero
  private var madeCount = 0

  /// Notes a window of a step.
  mutating func add(isComputed: Bool, _ duration: Duration) {
    if isComputed {
      computed += duration
      computedCount += 1
    } else {
      made += duration
      madeCount += 1
    }
  }

  /// Seconds that this run has not spent: those of as many windows as it has computed, on average.
  private var savedSeconds: Double? {
    guard computedCount > 0, madeCount > 0 else { return nil }
    return (computed / computedCount * madeCount - made) / .seconds(1)
  }

  /// What there is to say at the end; nil where every step was to be computed.
  ///
  /// - Parameter state: of the whole job, earlier runs included.
  func summary(_ acceleration: Acceleration, _ state: DenoisingState) -> String? {
    let (title, word): (String, String)
    switch acceleration {
    case .none: return nil
    case .prediction: (title, word) = ("Adaptive Latent Prediction", "predicted")
    case .teaCache: (title, word) = ("TeaCache", "from the cache")
    }
    let windows = state.passes.count
    let computed = state.passes.reduce(0) { $0 + $1.computedSteps.count }
    let made = windows * state.step - computed
    let fallbacks = state.passes.reduce(0) { $0 + $1.fallbackCount }
    let unit = windows == 1 ? "steps" : "steps of windows"
    var parts = ["\(computed) \(unit) computed, \(made) \(word)"]
    if case .prediction = acceleration {
      parts.append("\(fallbacks) of the former because their prediction was out of family")
    }
    if let saved = savedSeconds {
      let whole = saved < 100 ? (saved * 10).rounded() / 10 : saved.rounded()
      parts.append("about \(whole) s saved in this run")
    }
    return "\(title): \(parts.joined(separator: "; "))"
  }
}
