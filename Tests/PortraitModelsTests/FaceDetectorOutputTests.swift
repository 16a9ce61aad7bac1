import Foundation
import PortraitModels
import TensorCore
import TestSupport
import Testing

/// Boxes of the detector's answers.
@Suite struct FaceDetectorOutputTests {
  private let bounds = FaceBox(left: 0, top: 0, right: 160, bottom: 272)

  private var view: DetectorView { DetectorView(region: bounds, rows: 272, columns: 160) }

  /// Logits of one distance: all on one value.
  private func distance(_ value: Int) -> [Float] {
    (0..<DetectorGrid.bins).map { $0 == value ? 50 : 0 }
  }

  /// Nothing but some cells of the finest level.
  private func output(_ cells: [Int: (score: Float, logits: [Float])]) -> DetectorOutput {
    DetectorOutput(
      levels: [8, 16, 32].map { stride in
        let grid = DetectorGrid(stride: stride, inputRows: 272, inputColumns: 160)
        var scores = [Float](repeating: 0, count: grid.cells)
        var logits = [Float](repeating: 0, count: grid.cells * DetectorGrid.logitsPerCell)
        if stride == 8 {
          for (cell, answer) in cells {
            scores[cell] = answer.score
            logits.replaceSubrange(cell * 32..<(cell + 1) * 32, with: answer.logits)
          }
        }
        return .init(grid: grid, scores: scores, logits: logits)
      })
  }

  @Test func distancesLieRoundTheCellsCorner() {
    let logits = [1, 2, 3, 4].flatMap { distance($0) }
    let faces = output([5 * 20 + 7: (0.9, logits)]).faces(view: view, frame: bounds)
    #expect(
      faces == [
        DetectedFace(box: FaceBox(left: 48, top: 24, right: 80, bottom: 72), score: 0.9)
      ])
  }

  @Test func equalScoresKeepTheEarlierCell() {
    let logits = [2, 2, 2, 2].flatMap { distance($0) }
    let faces = output([104: (0.8, logits), 105: (0.8, logits), 300: (0.8, logits)])
      .faces(view: view, frame: bounds)
    #expect(faces.map(\.box.left) == [16, 0])
    #expect(faces.map(\.box.top) == [24, 104])
  }

  @Test func answersThatAreNoNumbersAreNoFaces() {
    let logits = [2, 2, 2, 2].flatMap { distance($0) }
    let faces = output([
      10: (.nan, logits), 200: (0.9, [Float](repeating: .nan, count: 32)),
      400: (.infinity, logits), 500: (0.4, logits),
    ]).faces(view: view, frame: bounds)
    #expect(faces.map(\.score) == [.infinity])
  }

  @Test func partsOfAFrameAreMappedBack() {
    let logits = [2, 2, 2, 2].flatMap { distance($0) }
    let region = FaceBox(left: 400, top: 100, right: 480, bottom: 236)
    let part = DetectorView(region: region, rows: 272, columns: 160)
    #expect(part.scale == 2)
    let frame = FaceBox(left: 0, top: 0, right: 1280, bottom: 720)
    let faces = output([4 * 20 + 6: (0.9, logits)]).faces(view: part, frame: frame)
    #expect(faces.map(\.box) == [FaceBox(left: 416, top: 108, right: 432, bottom: 124)])
  }
}
