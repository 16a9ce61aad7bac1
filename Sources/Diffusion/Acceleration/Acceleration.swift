/// What saves a run passes of the network.
package enum Acceleration: Sendable, Equatable {
  /// Every step is computed.
  case none
  /// Steps are predicted from those before (Adaptive Latent Prediction).
  case prediction(LatentPrediction)
  /// Steps that change little add again what the blocks added before.
  case teaCache(TeaCache)

  /// The steps that are computed, as far as they are known before the run: a prediction may be out of
  /// family, and the cache computes these at most.
  package func plannedSteps(of count: Int) -> [Int] {
    switch self {
    case .none, .teaCache: Array(0..<count)
    case .prediction(let prediction): prediction.fullSteps(of: count)
    }
  }

  /// Hidden states of a window that are kept for each guidance branch at most, those included that go
  /// once the next state is saved.
  package var keptPassLimit: Int {
    switch self {
    case .none: 0
    case .prediction(let prediction): prediction.nodeLimit + 1
    case .teaCache: 2
    }
  }
}
