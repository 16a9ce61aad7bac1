/// How faces are tracked and chosen.
package struct FaceOptions: Sendable, Equatable {
  package enum Tracking: String, CaseIterable, Sendable {
    /// As published: the largest face of every frame, whoever it is; faces under 96 pixels and cuts
    /// do not count.
    case published
    /// One person: chosen once and followed, small faces too, afresh after a cut.
    case following
  }

  package var tracking = Tracking.following
  /// Not used in tracking as published.
  package var choice = FaceChoice.largest
  /// Frames for which a lost face is waited for before another is chosen.
  package var patience = 50

  package init(
    tracking: Tracking = .following, choice: FaceChoice = .largest, patience: Int = 50
  ) {
    self.tracking = tracking
    self.choice = choice
    self.patience = patience
  }
}
