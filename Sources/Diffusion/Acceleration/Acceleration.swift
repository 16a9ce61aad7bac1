/// What saves a run passes of the network.
package enum Acceleration: Sendable, Equatable {
  /// Every step is computed.
  case none
  /// Steps are predicted from those before (Adaptive Latent Prediction).
  case prediction(LatentPrediction)
  /// Steps that change little add again what the blocks added before.
  case teaCache(TeaCache)
}
