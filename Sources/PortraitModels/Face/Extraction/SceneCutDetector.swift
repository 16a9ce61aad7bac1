/// Tells where one shot ends and another begins.
///
/// A cut is a frame that has little in common with the one before, much less than that one with its own
/// predecessors (fast movement changes every frame), and that is not taken back by the next frame (a
/// flash, a damaged frame).
struct SceneCutDetector: Sendable {
  /// Differences above may be cuts.
  private static let threshold: Float = 0.5
  /// A cut differs by this much more than frames of the shot do.
  private static let ratio: Float = 3
  /// How much of the shot's mean difference each frame replaces.
  private static let forgetting: Float = 0.2

  private var previous: FrameThumbnail?
  private var usual: Float = 0

  /// Whether a frame begins a new shot; false for the first.
  ///
  /// - Parameters:
  ///   - thumbnail: of the frame.
  ///   - next: of the one after it, nil at the end.
  mutating func isCut(_ thumbnail: FrameThumbnail, next: FrameThumbnail?) -> Bool {
    guard let before = previous else {
      previous = thumbnail
      return false
    }
    let change = before.difference(thumbnail)
    let isCut = change > Self.threshold && change > Self.ratio * usual
    if isCut, let next, before.difference(next) <= Self.threshold {
      // Taken back: what follows is compared with what was before.
      return false
    }
    previous = thumbnail
    usual = isCut ? 0 : usual + Self.forgetting * (change - usual)
    return isCut
  }
}
