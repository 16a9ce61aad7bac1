import Foundation
import Layers
import PortraitModels
import TensorCore
import TestSupport

/// Faces that are where the case says, as its configuration describes the stubs.
private struct StubScene: FaceDetecting, FaceAligning {
  let inputSize = (rows: 272, columns: 160)

  /// By frame and face.
  private let faces: [[AlignedFace]]
  private let isVisible: [[Bool]]

  var frames: Int { faces.count }

  init(_ golden: Golden) throws {
    let landmarks = try golden.input("input.landmarks")
    let euler = try golden.floats("input.euler")
    let probability = try golden.floats("input.prob")
    let visible = try golden.integers("input.visible")
    let count = landmarks.shape[1]
    faces = try (0..<landmarks.shape[0]).map { frame in
      try (0..<count).map { face in
        let row = frame * count + face
        return AlignedFace(
          landmarks: FaceLandmarks(try points(landmarks[frame][face].floats())),
          angles: HeadAngles(
            pitch: Double(euler[3 * row]), yaw: Double(euler[3 * row + 1]),
            roll: Double(euler[3 * row + 2])),
          probability: Double(probability[row]))
      }
    }
    isVisible = (0..<landmarks.shape[0]).map { frame in
      (0..<count).map { visible[frame * count + $0] == 1 }
    }
  }

  func faces(in frame: FaceFrame, region: FaceBox) -> [DetectedFace] {
    zip(faces[frame.index], isVisible[frame.index]).filter { $0.1 }.map { face, _ in
      let box = face.landmarks.bounds
      return DetectedFace(
        box: FaceBox(
          [box.left - 3, box.top - 2, box.right + 2, box.bottom + 4]
            .map { $0.rounded(.towardZero) }), score: 1)
    }
  }

  func face(in frame: FaceFrame, from start: FaceStart) -> AlignedFace? {
    let place =
      switch start {
      case .box(let box): box.centre
      case .landmarks(let landmarks): Self.mean(landmarks)
      }
    func distance(_ face: AlignedFace) -> Double {
      let offset = Self.mean(face.landmarks) - place
      return (offset * offset).sum()
    }
    return faces[frame.index].min { distance($0) < distance($1) }
  }

  private static func mean(_ landmarks: FaceLandmarks) -> SIMD2<Double> {
    landmarks.points.reduce(.zero, +) / Double(landmarks.points.count)
  }

  /// A frame that is nothing but its number.
  func frame(_ index: Int) throws -> FaceFrame {
    FaceFrame(pixels: try Tensor(zeros: [1, 1, 3], dtype: .u8), index: index)
  }
}

private struct SceneDetections: FrameDetections {
  let scene: StubScene
  let frame: FaceFrame

  func boxes() -> [FaceBox] { scene.faces(in: frame, region: frame.bounds).map(\.box) }
  func boxesOfSmallFacesToo() -> [FaceBox] { boxes() }
  func boxes(around box: FaceBox) -> [FaceBox] { [] }
}

/// Records of every frame, and the two runs.
@Sendable func checkFaceTracking(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let scene = try StubScene(golden)
  return try compareRecords(golden, scene) + compareRuns(golden, scene)
}

private func compareRecords(_ golden: Golden, _ scene: StubScene) throws -> [String] {
  let places = try golden.tensor("output.face_rects").shape[1]
  var tracker = PublishedTracker()
  var (counts, boxes, distances, firstPoints): ([Float], [Float], [Float], [Float]) =
    ([], [], [], [])
  for index in 0..<scene.frames {
    let frame = try scene.frame(index)
    try tracker.advance(
      frame, detections: SceneDetections(scene: scene, frame: frame), aligner: scene)
    counts.append(Float(tracker.records.count))
    for place in 0..<places {
      let record = place < tracker.records.count ? tracker.records[place] : nil
      boxes += (record?.box.elements ?? [-1, -1, -1, -1]).map(Float.init)
      distances.append(Float(record?.faceDistance ?? -1))
      let point = record?.landmarks?[0] ?? .zero
      firstPoints += [Float(point.x), Float(point.y)]
    }
  }
  return [
    try golden.difference(counts, from: "output.counts"),
    try golden.difference(boxes, from: "output.face_rects"),
    try golden.difference(distances, from: "output.face_distances"),
    try golden.difference(firstPoints, from: "output.first_points"),
  ].compactMap(\.self)
}

private func compareRuns(_ golden: Golden, _ scene: StubScene) throws -> [String] {
  let options = FaceOptions(tracking: .published)
  var search = FaceSearch(detector: scene, aligner: scene, options: options)
  let sightings = try (0..<scene.frames).map {
    try search.advance(scene.frame($0), next: nil)
  }
  var reader = FaceReader(aligner: scene, options: options)
  var (frames, boxes, landmarks): ([Float], [Float], [Float]) = ([], [], [])
  for (index, sighting) in sightings.enumerated() {
    boxes += (sighting.chosen?.box.elements ?? []).map(Float.init)
    guard let reading = try reader.advance(scene.frame(index), sighting: sighting) else { continue }
    frames.append(Float(index))
    landmarks += reading.landmarks.points.flatMap { [Float($0.x), Float($0.y)] }
  }
  return [
    try golden.difference(frames, from: "output.two_pass_frames"),
    try golden.difference(boxes, from: "output.two_pass_rects"),
    try golden.difference(landmarks, from: "output.two_pass_landmarks"),
  ].compactMap(\.self)
}
