import Foundation
import Imaging
import PortraitModels
import TensorCore
import TestSupport
import Testing

@Suite struct FaceGeometryTests {
  private let corners: [SIMD2<Double>] = [[0, 0], [4, 0], [4, 3], [1, 5], [-2, 2]]

  @Test func similaritiesAreFound() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let angle = Double.random(in: -3.1...3.1, using: &random)
      let scale = Double.random(in: 0.01...50, using: &random)
      let matrix = AffineMatrix(
        x: [scale * cos(angle), -scale * sin(angle), .random(in: -900...900, using: &random)],
        y: [scale * sin(angle), scale * cos(angle), .random(in: -900...900, using: &random)])
      let found = try #require(AffineMatrix.similarity(from: corners, to: matrix(corners)))
      for (got, want) in zip(found.elements, matrix.elements) {
        #expect(abs(got - want) < 1e-9 * max(1, abs(want)))
      }
    }
  }

  @Test func similaritiesOfFewPoints() throws {
    let line: [SIMD2<Double>] = [[0, 0], [1, 1], [3, 3]]
    let found = try #require(
      AffineMatrix.similarity(from: line, to: line.map { 2 * $0 + [5, -1] }))
    #expect(zip(found.elements, [2, 0, 5, 0, 2, -1]).allSatisfy { abs($0 - $1) < 1e-12 })
    // No turn mirrors; what is left of a mirrored set is the best one.
    let mirrored = try #require(
      AffineMatrix.similarity(from: corners, to: corners.map { [-$0.x, $0.y] }))
    #expect(mirrored.determinant > 0)
    let point = [SIMD2<Double>](repeating: [3, 4], count: 5)
    #expect(AffineMatrix.similarity(from: point, to: corners) == nil)
    #expect(AffineMatrix.similarity(from: corners, to: point) == nil)
    #expect(AffineMatrix.similarity(from: corners, to: corners.map { $0 * .nan }) == nil)
    #expect(AffineMatrix.similarity(from: corners, to: corners.map { $0 * .infinity }) == nil)
  }

  @Test func facesWithoutExtentHaveNoCrop() {
    let point = FaceLandmarks([SIMD2<Double>](repeating: [7, 8], count: FaceLandmarks.count))
    #expect(FaceCrop.matrix(around: point, size: 128) == nil)
    #expect(MotionCrop.matrix(around: point, size: 224) == nil)
    #expect(FaceCrop.matrix(around: FaceScene.square(5, 5, 0), angle: 0, size: 128) == nil)
    #expect(FaceCrop.matrix(around: FaceScene.square(.nan, 5, 3), angle: 0, size: 128) == nil)
  }

  @Test func boxesOverlap() {
    let (a, b) = (FaceScene.square(10, 10, 10), FaceScene.square(15, 10, 10))
    #expect(abs(a.overlap(b) - 1 / 3) < 1e-12)
    #expect(abs(a.coverage(b) - 0.5) < 1e-12)
    #expect(a.overlap(FaceScene.square(100, 10, 10)) == 0)
    let empty = FaceScene.square(10, 10, 0)
    #expect(empty.overlap(empty) == 0 && empty.coverage(a) == 0)
  }

  // MARK: Smoothing

  @Test func whatDoesNotMoveStays() {
    var smoother = LandmarkSmoother()
    let face = FaceScene.face(in: FaceScene.square(300, 200, 150))
    for _ in 0..<5 {
      #expect(smoother(face, faceDistance: 150) == face)
    }
    // A face without a size moves as fast as can be, and is still a number.
    let moved = FaceScene.face(in: FaceScene.square(310, 200, 150))
    let smoothed = smoother(moved, faceDistance: 0)
    #expect(smoothed.isFinite)
    #expect(smoothed[0].x > face[0].x && smoothed[0].x <= moved[0].x)
  }

  // MARK: Alignment

  private struct Answer: LandmarkRegressing {
    let estimate: LandmarkEstimate
    let cropSize = 64

    func landmarks(in crop: Tensor) -> LandmarkEstimate { estimate }
  }

  @Test func answersThatAreNoNumbersAreNoFaces() throws {
    let frame = FaceFrame(pixels: try Tensor(zeros: [50, 60, 3], dtype: .u8), index: 0)
    let face = FaceScene.face(in: FaceScene.square(0.5, 0.5, 0.8))
    var broken = face
    broken[100].y = .nan
    let start = FaceStart.box(FaceScene.square(30, 25, 20))
    func found(_ landmarks: FaceLandmarks, pitch: Double = 0) throws -> AlignedFace? {
      let estimate = LandmarkEstimate(
        landmarks: landmarks, pitch: pitch, yaw: 0, probability: 1)
      return try FaceAligner(network: Answer(estimate: estimate)).face(in: frame, from: start)
    }
    #expect(try found(face) != nil)
    #expect(try found(broken) == nil)
    #expect(try found(face, pitch: .infinity) == nil)
    // All landmarks in one point: the next round has no crop.
    let point = FaceLandmarks([SIMD2<Double>](repeating: [0.5, 0.5], count: FaceLandmarks.count))
    #expect(try found(point) == nil)
  }
}
