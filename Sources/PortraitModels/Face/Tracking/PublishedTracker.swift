/// Tracking as published: every detection becomes a new record, and of two records on one face the
/// larger stays, even if it is the newer.
package struct PublishedTracker: FaceTracking {
  package private(set) var records: [FaceRecord] = []
  private let limits: TrackingLimits
  private var nextNumber = 0

  /// Records that overlap by more are one face.
  private static let overlap = 0.12

  package init(limits: TrackingLimits = .init(side: TrackingLimits.publishedSide)) {
    self.limits = limits
  }

  package mutating func reset() { records = [] }

  package mutating func advance(
    _ frame: FaceFrame, given: FaceBox? = nil, detections: some FrameDetections,
    aligner: some FaceAligning
  ) throws {
    var candidates = records
    if candidates.isEmpty, let given {
      add([given], to: &candidates)
    } else {
      add(try detections.boxes(), to: &candidates)
    }
    var found: [FaceRecord] = []
    for var record in candidates {
      guard let face = try aligner.face(in: frame, from: record.start),
        face.probability >= limits.probability
      else { continue }
      record.follow(face)
      found.append(record)
    }
    records = remaining(of: found)
  }

  private mutating func add(_ boxes: [FaceBox], to records: inout [FaceRecord]) {
    for box in boxes {
      records.append(FaceRecord(number: nextNumber, box: box))
      nextNumber += 1
    }
  }

  /// Without those that are too small, and those that lie on a larger one.
  private func remaining(of found: [FaceRecord]) -> [FaceRecord] {
    var goes = found.map { !limits.holds($0.box) }
    for first in found.indices {
      for second in found.indices
      where first != second && !goes[first] && !goes[second]
        && found[first].box.overlap(found[second].box) > Self.overlap
      {
        goes[found[first].box.area < found[second].box.area ? first : second] = true
      }
    }
    return zip(found, goes).filter { !$0.1 }.map(\.0)
  }
}
