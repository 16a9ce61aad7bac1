/// Tracking that keeps the people apart: a detection on a face that is already tracked is no new face,
/// and a face that is found again at its place keeps its number and its smoothing.
///
/// It differs from the published tracking where that drops, swaps or restarts a track:
/// - A detection is aligned only where no tracked face lies, so that a track is not restarted whenever
///   the detection gives slightly larger landmarks, and a face costs half as much.
/// - A face whose landmarks are doubtful is compared with what a detection on it gives. Where no
///   detection confirms it for some frames it is gone, whatever its probability.
/// - Two people may overlap. Where two tracks end on one face, the one that jumped there goes.
package struct PersistentTracker: FaceTracking {
  package private(set) var records: [FaceRecord] = []
  private let limits: TrackingLimits
  private var nextNumber = 0

  /// Tracks that overlap by more lie on one face.
  private static let overlap = 0.5
  /// A detection that covers more of a tracked face, or is covered by it, is that face.
  private static let coverage = 0.5
  /// Below, a tracked face is checked by a detection.
  private static let doubtful = 0.5
  /// Frames that a doubtful face may go without a detection.
  private static let patience = 12

  package init(limits: TrackingLimits = .init(side: TrackingLimits.smallestSide)) {
    self.limits = limits
  }

  package mutating func reset() {
    records = []
    nextNumber = 0
  }

  /// A record, and what was found of it in the frame.
  private struct Step {
    var record: FaceRecord
    var face: AlignedFace
    var isNew = false

    /// How far the face jumped, in units of its size.
    var jump: Double {
      let offset = face.landmarks.bounds.centre - record.box.centre
      return (offset * offset).sum().squareRoot() / max(record.box.longerSide, 1)
    }
  }

  package mutating func advance(
    _ frame: FaceFrame, given: FaceBox? = nil, detections: some FrameDetections,
    aligner: some FaceAligning
  ) throws {
    func aligned(_ start: FaceStart) throws -> AlignedFace? {
      guard let face = try aligner.face(in: frame, from: start),
        face.probability >= limits.probability, limits.holds(face.landmarks.bounds)
      else { return nil }
      return face
    }
    var steps: [Step] = []
    var lost: [FaceRecord] = []
    for record in records {
      if let face = try aligned(record.start) {
        steps.append(Step(record: record, face: face))
      } else {
        lost.append(record)
      }
    }
    var boxes: [FaceBox]
    if steps.isEmpty, let given {
      boxes = [given]
    } else {
      boxes = try steps.isEmpty ? detections.boxesOfSmallFacesToo() : detections.boxes()
    }
    steps = try steps.compactMap { try confirmed($0, &boxes, detections, aligned) }
    steps += try newcomers(boxes, beside: steps, lost: lost, aligned)
    records = Self.apart(steps).map { step in
      var record = step.record
      record.follow(step.face)
      return record
    }
    numberNewcomers()
  }

  /// A tracked face, looked at again where it is doubtful.
  ///
  /// - Parameter boxes: of the frame's detections; those found while looking are added.
  private func confirmed(
    _ step: Step, _ boxes: inout [FaceBox], _ detections: some FrameDetections,
    _ aligned: (FaceStart) throws -> AlignedFace?
  ) throws -> Step? {
    var step = step
    func detection() -> FaceBox? {
      let place = step.face.landmarks.bounds
      return boxes.filter { $0.coverage(place) > Self.coverage }
        .max { $0.overlap(place) < $1.overlap(place) }
    }
    let isDoubtful = step.face.probability < Self.doubtful
    if isDoubtful, detection() == nil {
      boxes += try detections.boxes(around: step.face.landmarks.bounds)
    }
    guard let box = detection() else {
      step.record.framesUnconfirmed += 1
      return isDoubtful && step.record.framesUnconfirmed > Self.patience ? nil : step
    }
    step.record.framesUnconfirmed = 0
    if isDoubtful, let other = try aligned(.box(box)), other.probability > step.face.probability {
      step.face = other
    }
    return step
  }

  /// Faces where none is tracked. One that lies where a face was lost is that face.
  private func newcomers(
    _ boxes: [FaceBox], beside steps: [Step], lost: [FaceRecord],
    _ aligned: (FaceStart) throws -> AlignedFace?
  ) throws -> [Step] {
    var lost = lost
    var result: [Step] = []
    let tracked = steps.map(\.face.landmarks.bounds)
    for box in boxes where tracked.allSatisfy({ $0.coverage(box) <= Self.coverage }) {
      guard let face = try aligned(.box(box)) else { continue }
      let place = face.landmarks.bounds
      if let index = lost.firstIndex(where: { $0.box.overlap(place) > Self.overlap }) {
        result.append(Step(record: lost.remove(at: index), face: face))
      } else {
        result.append(
          Step(record: FaceRecord(number: -1, box: box), face: face, isNew: true))
      }
    }
    return result
  }

  /// Of steps that lie on one face, the best.
  private static func apart(_ steps: [Step]) -> [Step] {
    var goes = [Bool](repeating: false, count: steps.count)
    for first in steps.indices {
      for second in steps.indices where second > first && !goes[first] && !goes[second] {
        let places = (steps[first].face.landmarks.bounds, steps[second].face.landmarks.bounds)
        guard places.0.overlap(places.1) > overlap else { continue }
        goes[isBetter(steps[second], than: steps[first]) ? first : second] = true
      }
    }
    return zip(steps, goes).filter { !$0.1 }.map(\.0)
  }

  private static func isBetter(_ a: Step, than b: Step) -> Bool {
    if a.isNew != b.isNew { return b.isNew }
    if a.isNew { return a.face.landmarks.bounds.area > b.face.landmarks.bounds.area }
    return a.jump < b.jump
  }

  /// Faces are numbered as they appear; those of one frame from left to right.
  private mutating func numberNewcomers() {
    let unnumbered = records.indices.filter { records[$0].number < 0 }
      .sorted { records[$0].box.centre.x < records[$1].box.centre.x }
    for index in unnumbered {
      records[index].number = nextNumber
      nextNumber += 1
    }
  }
}
