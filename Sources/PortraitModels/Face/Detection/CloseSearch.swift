/// Asks the detector for one frame: in the whole of it, and where nothing is found also in parts, which
/// the detector then sees enlarged.
struct CloseSearch: FrameDetections {
  let frame: FaceFrame
  let detector: any FaceDetecting
  /// A place that is looked at closely in any case.
  var place: SIMD2<Double>?
  /// Whether the most enlarged parts, of which there are many, are looked at as well.
  var isThorough = true

  /// How much more is seen in a part than in the whole frame, step by step.
  private static let enlargements = [2.0, 4.0]
  /// Neighbouring parts share this much of a side, so that a face is whole in one of them.
  private static let shared = 0.5

  func boxes() throws -> [FaceBox] {
    var found = try detector.faces(in: frame)
    if let place {
      for enlargement in Self.enlargements {
        let size = visibleSize(enlargement)
        found += try detector.faces(
          in: frame,
          region: clipped(
            FaceBox(
              left: place.x - size.x / 2, top: place.y - size.y / 2, right: place.x + size.x / 2,
              bottom: place.y + size.y / 2)))
      }
      return Self.merged(found)
    }
    return found.map(\.box)
  }

  func boxesOfSmallFacesToo() throws -> [FaceBox] {
    let whole = try boxes()
    guard whole.isEmpty else { return whole }
    for enlargement in isThorough ? Self.enlargements : [Self.enlargements[0]] {
      var found: [DetectedFace] = []
      for region in regions(enlargement) {
        found += try detector.faces(in: frame, region: region)
      }
      if !found.isEmpty { return Self.merged(found) }
    }
    return []
  }

  func boxes(around box: FaceBox) throws -> [FaceBox] {
    let reach = 1.5 * box.longerSide
    let region = clipped(
      FaceBox(
        left: box.left - reach, top: box.top - reach, right: box.right + reach,
        bottom: box.bottom + reach))
    guard region.width >= 1, region.height >= 1 else { return [] }
    return try detector.faces(in: frame, region: region).map(\.box)
  }

  /// Columns and rows of the frame that fill the detector's input.
  private func visibleSize(_ enlargement: Double) -> SIMD2<Double> {
    let input = detector.inputSize
    let view = DetectorView(region: frame.bounds, rows: input.rows, columns: input.columns)
    let seen = SIMD2(Double(input.columns), Double(input.rows)) / (view.scale * enlargement)
    return pointwiseMin(seen, [frame.bounds.right, frame.bounds.bottom])
  }

  /// Overlapping parts that cover the frame.
  private func regions(_ enlargement: Double) -> [FaceBox] {
    let size = visibleSize(enlargement)
    func starts(_ whole: Double, _ part: Double) -> [Double] {
      let room = whole - part
      let count = Int((room / (part * (1 - Self.shared))).rounded(.up))
      return count == 0 ? [0] : (0...count).map { room * Double($0) / Double(count) }
    }
    return starts(frame.bounds.bottom, size.y).flatMap { top in
      starts(frame.bounds.right, size.x).map { left in
        FaceBox(left: left, top: top, right: left + size.x, bottom: top + size.y)
      }
    }
  }

  private func clipped(_ box: FaceBox) -> FaceBox {
    FaceBox(
      left: min(max(box.left, 0), frame.bounds.right),
      top: min(max(box.top, 0), frame.bounds.bottom),
      right: min(max(box.right, 0), frame.bounds.right),
      bottom: min(max(box.bottom, 0), frame.bounds.bottom))
  }

  /// Without faces that another part shows better or more of.
  private static func merged(_ faces: [DetectedFace]) -> [FaceBox] {
    let order = faces.indices.sorted {
      faces[$0].score == faces[$1].score ? $0 < $1 : faces[$0].score > faces[$1].score
    }
    var kept: [FaceBox] = []
    for index in order where kept.allSatisfy({ $0.coverage(faces[index].box) <= 0.5 }) {
      kept.append(faces[index].box)
    }
    return kept
  }
}
