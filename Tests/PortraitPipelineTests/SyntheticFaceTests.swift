import Checkpoints
import Foundation
import PortraitModels
import PortraitPipeline
import TensorCore
import TestSupport
import Testing

/// The face networks of `synthesize`.
@Suite struct SyntheticFaceTests {
  private let folder: TemporaryFolder
  private let models: ModelFolder

  init() throws {
    folder = try TemporaryFolder()
    let plan = try SynthesisPlan(
      .tiny, networks: [], faces: Set(FaceNetworkName.allCases))
    try CheckpointSynthesis(plan, folder: folder.path, overwrites: false).run { _ in }
    models = try ModelFolder(folder.path)
  }

  private func frame(_ rows: Int, _ columns: Int, seed: UInt64) throws -> FaceFrame {
    var generator = SeededGenerator(seed: seed)
    let bytes = (0..<rows * columns * 3).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let pixels = try Tensor(zeros: [rows, columns, 3], dtype: .u8)
    pixels.pointer.copyMemory(from: bytes, byteCount: bytes.count)
    return FaceFrame(pixels: pixels, index: 0)
  }

  @Test(arguments: [(480, 480), (720, 1280), (1280, 720), (48, 64), (300, 719)])
  func oneFaceInTheMiddleOfAnyFrame(rows: Int, columns: Int) throws {
    let detector = try models.faceDetector()
    let faces = try detector.faces(in: frame(rows, columns, seed: 1))
    #expect(faces.count == 1)
    let box = try #require(faces.first).box
    let scale = max(Double(columns) / 160, Double(rows) / 272)
    let (middle, side) = (box.centre, 64 * scale)
    #expect(abs(middle.x - Double(columns) / 2) <= 1 && abs(middle.y - Double(rows) / 2) <= 1)
    #expect(abs(box.width - side) <= 1 && abs(box.height - side) <= 1, "\(box)")
    #expect(try detector.faces(in: frame(rows, columns, seed: 2)).map(\.box) == [box])
  }

  /// Its crop is the one that it comes from: otherwise the face would wander from round to round.
  @Test func theFaceStaysWhereItIs() throws {
    let network = try models.faceLandmarks()
    let estimate = try network.landmarks(in: frame(128, 128, seed: 3).pixels)
    #expect(estimate.pitch == 0 && estimate.yaw == 0 && estimate.probability > 0.9)
    let face = FaceLandmarks(estimate.landmarks.points.map { $0 * 128 })
    #expect(abs(face.eyeAngle) < 1e-7)
    let matrix = try #require(FaceCrop.matrix(around: face, size: 128))
    for point in face.points {
      let offset = matrix(point) - point
      #expect((offset * offset).sum() < 1e-10, "\(point)")
    }
  }

  /// What the motion encoder's crop needs of it: pupils, nose and mouth where they belong.
  @Test func theMotionCropShowsTheFace() throws {
    let network = try models.faceLandmarks()
    let face = try network.landmarks(in: frame(128, 128, seed: 4).pixels).landmarks
    let matrix = try #require(MotionCrop.matrix(around: face, size: 224))
    for (landmark, place) in zip(MotionCrop.landmarks, MotionCrop.places) {
      let offset = matrix(face[landmark]) - place * 224
      #expect((offset * offset).sum().squareRoot() < 3, "landmark \(landmark): \(offset)")
    }
    let mirrored = face.points.map { SIMD2(1 - $0.x, $0.y) }
    for point in mirrored {
      let nearest = face.points.map { (($0 - point) * ($0 - point)).sum() }.min() ?? 1
      #expect(nearest < 1e-6, "\(point) has no counterpart")
    }
  }

  /// A still video, whose landmarks never move, gives numbers.
  @Test(arguments: FaceOptions.Tracking.allCases)
  func constantFeatures(tracking: FaceOptions.Tracking) throws {
    let checkpoints = folder.file("checkpoints")
    let plan = try SynthesisPlan(
      .tiny, networks: [.motionEncoder], faces: Set(FaceNetworkName.allCases))
    try CheckpointSynthesis(plan, folder: checkpoints, overwrites: false).run { _ in }
    let video = try TestVideo.make(
      "still.mp4", in: folder, source: "color=c=gray:s=320x240:r=25:d=0.6")
    let output = folder.file("features.safetensors")
    let job = try FeatureJob(
      .init(
        video: video, output: output, overlay: nil, options: .init(tracking: tracking),
        frameLimit: nil),
      models: ModelFolder(checkpoints))
    _ = try job.run { _ in }
    let file = try Checkpoint.open(output)
    #expect(try file.tensor("valid").bytes() == [UInt8](repeating: 1, count: 15))
    for name in ["features", "landmarks", "boxes", "angles"] {
      let tensor = try file.tensor(name)
      let values = try tensor.floats()
      let row = tensor.count / 15
      #expect(values.allSatisfy { $0.isFinite }, "\(name)")
      let first = Array(values[..<row])
      let isConstant = (0..<15).allSatisfy { frame in
        zip(values[frame * row..<(frame + 1) * row], first).allSatisfy { abs($0 - $1) < 1e-3 }
      }
      #expect(isConstant, "\(name)")
    }
  }
}
