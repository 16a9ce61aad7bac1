import Imaging

/// What the detector's network answers, and how boxes are made of it (NanoDet, one class).
package struct DetectorOutput: Sendable {
  /// The answers at one resolution.
  package struct Level: Sendable {
    package let grid: DetectorGrid
    /// `[cells]`, 0 to 1.
    package let scores: [Float]
    /// `[cells, 4, bins]`.
    package let logits: [Float]

    /// - Parameters:
    ///   - scores: one of each cell; `logits` likewise 32.
    package init(grid: DetectorGrid, scores: [Float], logits: [Float]) {
      precondition(
        scores.count == grid.cells && logits.count == grid.cells * DetectorGrid.logitsPerCell,
        "as many answers as cells")
      self.grid = grid
      self.scores = scores
      self.logits = logits
    }
  }

  /// Which answers count.
  package struct Limits: Sendable {
    /// Scores that count are greater.
    package var score: Float = 0.4
    /// Boxes that overlap a better one by more are dropped.
    package var overlap: Float = 0.3
    /// The best of each level, then of all.
    package var candidatesPerLevel = 1000
    package var candidates = 200

    package init() {}
  }

  /// Strides 8, 16 and 32, in this order.
  package let levels: [Level]

  package init(levels: [Level]) { self.levels = levels }

  /// The faces, best first. Of equal scores the finer level's counts more, then the earlier cell's.
  ///
  /// - Parameters:
  ///   - view: what part of the frame the network saw.
  ///   - frame: bounds of the frame, to which boxes are clipped.
  /// - Returns: boxes with whole sides, cut towards zero.
  package func faces(
    view: DetectorView, frame: FaceBox, limits: Limits = Limits()
  ) -> [DetectedFace] {
    guard let back = view.homography.inverse else { return [] }
    return best(limits).map { face in
      let corner = back([face.box.left, face.box.top])
      let opposite = back([face.box.right, face.box.bottom])
      return DetectedFace(
        box: FaceBox(
          left: cut(corner.x, frame.right), top: cut(corner.y, frame.bottom),
          right: cut(opposite.x, frame.right), bottom: cut(opposite.y, frame.bottom)),
        score: face.score)
    }
  }

  private func cut(_ side: Double, _ limit: Double) -> Double {
    min(max(side, 0), limit).rounded(.towardZero)
  }

  /// Boxes in pixels of the network's input that no better one overlaps.
  private func best(_ limits: Limits) -> [DetectedFace] {
    var candidates: [DetectedFace] = []
    for level in levels {
      let cells = level.scores.indices.filter { level.scores[$0] > limits.score }
        .sorted { better(level.scores[$0], $0, level.scores[$1], $1) }
      for cell in cells.prefix(limits.candidatesPerLevel) {
        let box = level.grid.box(cell: cell, logits: level.logits)
        guard box.isFinite else { continue }
        candidates.append(DetectedFace(box: box, score: level.scores[cell]))
      }
    }
    let order = candidates.indices.sorted {
      better(candidates[$0].score, $0, candidates[$1].score, $1)
    }
    return NonMaximumSuppression.kept(
      order.prefix(limits.candidates).map { candidates[$0] }, overlap: limits.overlap)
  }

  private func better(_ a: Float, _ indexA: Int, _ b: Float, _ indexB: Int) -> Bool {
    a == b ? indexA < indexB : a > b
  }
}
