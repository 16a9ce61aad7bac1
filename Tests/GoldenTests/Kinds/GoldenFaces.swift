import Layers
import PortraitModels
import Synchronization
import TensorCore
import TestSupport

// MARK: Detector

private struct DetectorNotes: Decodable {
  struct Image: Decodable {
    let imageHeight: Int
    let imageWidth: Int

    enum CodingKeys: String, CodingKey {
      case imageHeight = "image_height"
      case imageWidth = "image_width"
    }
  }

  let images: [Image]
  let threshold: Float
  let overlap: Float
  let strides: [Int]
  let candidatesPerLevel: Int
  let candidates: Int

  enum CodingKeys: String, CodingKey {
    case images, strides
    case threshold = "prob_threshold"
    case overlap = "iou_threshold"
    case candidatesPerLevel = "candidates_per_level"
    case candidates = "nms_candidates"
  }
}

/// The faces that the detector's answers tell of.
@Sendable func checkFaceDetector(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let notes = try golden.configuration(as: DetectorNotes.self)
  var limits = DetectorOutput.Limits()
  limits.score = notes.threshold
  limits.overlap = notes.overlap
  limits.candidatesPerLevel = notes.candidatesPerLevel
  limits.candidates = notes.candidates
  var differences: [String?] = []
  for (number, image) in notes.images.enumerated() {
    let levels = try notes.strides.map { stride in
      DetectorOutput.Level(
        grid: DetectorGrid(stride: stride, inputRows: 272, inputColumns: 160),
        scores: try golden.floats("input.scores_\(number)_stride\(stride)"),
        logits: try golden.floats("input.boxes_\(number)_stride\(stride)"))
    }
    let bounds = FaceBox([0, 0, Double(image.imageWidth), Double(image.imageHeight)])
    let faces = DetectorOutput(levels: levels).faces(
      view: DetectorView(region: bounds, rows: 272, columns: 160), frame: bounds, limits: limits)
    differences.append(
      try golden.difference(
        faces.flatMap { $0.box.elements.map(Float.init) }, from: "output.boxes_\(number)"))
    differences.append(
      try golden.difference(faces.map(\.score), from: "output.scores_\(number)"))
  }
  return differences.compactMap(\.self)
}

// MARK: Alignment

/// Answers the case's rows, one call after another, whatever the crop shows.
private final class StubLandmarks: LandmarkRegressing {
  let cropSize = 128
  private let answers: [LandmarkEstimate]
  private let calls = Atomic<Int>(0)

  init(_ golden: Golden) throws {
    let count = FaceLandmarks.count
    let rows = try golden.input("input.network_landmarks")
    let angles = try golden.input("input.network_euler")
    answers = try (0..<rows.shape[0]).map { row in
      let values = try rows[row].floats().map(Double.init)
      let euler = try angles[row].floats().map(Double.init)
      return LandmarkEstimate(
        landmarks: FaceLandmarks((0..<count).map { [values[$0], values[count + $0]] }),
        pitch: euler[0], yaw: euler[1], probability: 1)
    }
  }

  func landmarks(in crop: Tensor) -> LandmarkEstimate {
    answers[calls.add(1, ordering: .relaxed).oldValue % answers.count]
  }
}

/// Rounds of landmarks, from a box and from landmarks.
@Sendable func checkFaceAlignment(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let frame = FaceFrame(pixels: try golden.input("input.bgr"), index: 0)
  let previous = try points(golden.floats("input.previous_landmarks"))
  let starts: [(name: String, start: FaceStart)] = [
    ("box", .box(FaceBox(try golden.integers("input.box").map(Double.init)))),
    ("points", .landmarks(FaceLandmarks(previous))),
  ]
  var differences: [String?] = []
  for (name, start) in starts {
    var rounds: [FaceAligner.Round] = []
    let aligner = FaceAligner(network: try StubLandmarks(golden), context: execution.context)
    let face = try aligner.face(in: frame, from: start) { rounds.append($0) }
    guard let face, let first = rounds.first, let last = rounds.last else {
      return ["\(golden.name): no face from \(name)"]
    }
    func compare(_ values: [Double], _ what: String) throws {
      differences.append(
        try golden.difference(values.map(Float.init), from: "output.\(name)_\(what)"))
    }
    try compare(face.landmarks.points.flatMap { [$0.x, $0.y] }, "landmarks")
    try compare([face.angles.pitch, face.angles.yaw, face.angles.roll], "euler")
    try compare(last.matrix.elements, "matrix")
    differences.append(
      try golden.difference(first.crop, from: "output.\(name)_first_crop"))
    differences.append(try golden.difference(last.crop, from: "output.\(name)_crop"))
  }
  return differences.compactMap(\.self)
}

// MARK: Smoothing

/// Landmarks smoothed over frames.
@Sendable func checkSmoother(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let frames = try golden.input("input.landmarks")
  let distances = try golden.floats("input.face_distance")
  var smoother = LandmarkSmoother()
  let smoothed = try (0..<frames.shape[0]).flatMap { frame in
    smoother(
      FaceLandmarks(try points(frames[frame].floats())), faceDistance: Double(distances[frame])
    ).points.flatMap { [Float($0.x), Float($0.y)] }
  }
  return [try golden.difference(smoothed, from: "output.smoothed")].compactMap(\.self)
}
