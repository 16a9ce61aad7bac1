/// Follows one face: the choice is made once, and again after a scene cut or where the face stays
/// away.
struct FaceFollower: Sendable {
  private let choice: FaceChoice
  /// Frames for which a lost face is waited for.
  private let patience: Int

  /// Number of the face that is followed.
  private(set) var number: Int?
  /// Where it was last, and how far it moved in a frame.
  private var box: FaceBox?
  private var velocity = SIMD2<Double>.zero
  private var framesLost = 0
  /// Numbers of faces that were seen beside it: other people.
  private var others: Set<Int> = []

  init(choice: FaceChoice, patience: Int) {
    self.choice = choice
    self.patience = patience
  }

  /// Whether nobody is followed or waited for.
  var isUndecided: Bool { number == nil }

  /// The choice is to be made again.
  mutating func reset() { self = FaceFollower(choice: choice, patience: patience) }

  /// The record of the face that is followed, nil where the frame does not show it.
  mutating func record(of records: [FaceRecord]) -> FaceRecord? {
    let found = followed(records) ?? returned(records) ?? chosen(records)
    guard let found else {
      framesLost += 1
      return nil
    }
    if let box, framesLost == 0, number == found.number {
      velocity = 0.5 * velocity + 0.5 * (found.box.centre - box.centre)
    } else {
      velocity = .zero
    }
    number = found.number
    box = found.box
    framesLost = 0
    others.formUnion(records.map(\.number).filter { $0 != found.number })
    return found
  }

  private func followed(_ records: [FaceRecord]) -> FaceRecord? {
    records.first { $0.number == number }
  }

  /// The face that was lost, found again under another number: near to where it would be by now, of
  /// about the same size, and nobody who was seen beside it.
  private func returned(_ records: [FaceRecord]) -> FaceRecord? {
    guard let box, number != nil, framesLost <= patience else { return nil }
    let away = Double(framesLost + 1)
    // Nobody walks on for long without being seen.
    let expected = box.centre + velocity * min(away, 10)
    func distance(_ record: FaceRecord) -> Double {
      let offset = record.box.centre - expected
      return (offset * offset).sum().squareRoot() / box.longerSide
    }
    return records.filter {
      !others.contains($0.number) && distance($0) < min(0.75 + 0.05 * away, 2)
        && (0.5...2).contains($0.box.longerSide / box.longerSide)
    }.min { distance($0) < distance($1) }
  }

  private mutating func chosen(_ records: [FaceRecord]) -> FaceRecord? {
    if number != nil {
      guard framesLost > patience else { return nil }
      if case .number = choice {
        // It cannot have its number again: whoever is new may be it.
        return records.first { !others.contains($0.number) }
      }
      reset()
    }
    return choice.record(of: records)
  }
}
