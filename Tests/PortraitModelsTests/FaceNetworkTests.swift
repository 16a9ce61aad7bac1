import Checkpoints
import Foundation
import ONNX
import PortraitModels
import TensorCore
import TestSupport
import Testing

/// Tiny ONNX files with the inputs and outputs of the published networks, against onnxruntime,
/// OpenCV and NumPy (scripts/reference/make_face_networks.py).
@Suite struct FaceNetworkTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures").path

  private func path(_ name: String) -> String { "\(Self.folder)/\(name)" }

  private let expected: SafetensorsFile
  private let frame: FaceFrame

  init() throws {
    expected = try SafetensorsFile(path: "\(Self.folder)/faces.safetensors")
    frame = FaceFrame(pixels: try expected.tensor("picture"), index: 0)
  }

  @Test func facesAreDetected() throws {
    let detector = try FaceDetectorNetwork(contentsOf: path("detector.onnx"))
    #expect(detector.inputSize == (272, 160))
    let faces = try detector.faces(in: frame)
    let scores = try expected.tensor("scores").floats()
    try #require(faces.count == scores.count)
    for (face, score) in zip(faces, scores) { #expect(abs(face.score - score) < 1e-4) }
    let sides = faces.flatMap { $0.box.elements.map(Float.init) }
    let differences = zip(sides, try expected.tensor("boxes").floats()).map { abs($0 - $1) }
    // A side may be cut to another whole number.
    #expect(differences.allSatisfy { $0 <= 1 })
    #expect(differences.count { $0 > 0 } <= differences.count / 20)
  }

  @Test func landmarksAreFound() throws {
    let aligner = FaceAligner(network: try LandmarkNetwork(contentsOf: path("landmarks.onnx")))
    let box = try expected.tensor("boxes")[0].floats().map(Double.init)
    let start = FaceBox(left: box[0], top: box[1], right: box[2], bottom: box[3])
    let face = try #require(try aligner.face(in: frame, from: .box(start)))
    let got = face.landmarks.points.flatMap { [Float($0.x), Float($0.y)] }
    let want = try expected.tensor("landmarks").floats()
    #expect(zip(got, want).allSatisfy { abs($0 - $1) < 0.05 })
    let answer = try expected.tensor("answer").floats()
    let found = [face.angles.pitch, face.angles.yaw, face.probability].map(Float.init)
    #expect(zip(found, answer).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test func theOtherFileIsRefused() throws {
    let error = #expect(throws: FaceError.self) {
      try FaceDetectorNetwork(contentsOf: path("landmarks.onnx"))
    }
    #expect(error?.description.contains("landmarks.onnx: expected a face detector") == true)
    #expect(throws: FaceError.self) { try LandmarkNetwork(contentsOf: path("detector.onnx")) }
    #expect(throws: ONNXError.self) { try FaceDetectorNetwork(contentsOf: path("none.onnx")) }
    #expect(throws: ONNXError.self) {
      try FaceDetectorNetwork(contentsOf: path("faces.safetensors"))
    }
  }
}
