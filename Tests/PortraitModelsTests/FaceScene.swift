import Foundation
import PortraitModels
import Synchronization
import TensorCore

/// People who are where a test says, for a detector and an aligner that see just that.
final class FaceScene: FaceDetecting, FaceAligning {
  /// Somebody: a face's rectangle in every frame, nil where it is hidden.
  typealias Person = @Sendable (_ frame: Int) -> FaceBox?

  let inputSize = (rows: 272, columns: 160)
  let people: [Person]
  /// Pixels of the detector's input that a face has at least to be found.
  let smallest: Double
  /// The probability of a face.
  let probability: @Sendable (_ frame: Int, _ person: Int) -> Double
  /// How much larger landmarks are that start from a box.
  let growth: Double
  /// Pixels that landmarks are off by, at random.
  let noise: Double
  /// Whether the detector finds a visible face.
  let isDetected: @Sendable (_ frame: Int, _ person: Int) -> Bool
  private let detectorCalls = Atomic<Int>(0)

  init(
    _ people: [Person], smallest: Double = 8, growth: Double = 1, noise: Double = 0,
    isDetected: @escaping @Sendable (Int, Int) -> Bool = { _, _ in true },
    probability: @escaping @Sendable (Int, Int) -> Double = { _, _ in 0.9 }
  ) {
    self.people = people
    self.smallest = smallest
    self.probability = probability
    self.growth = growth
    self.noise = noise
    self.isDetected = isDetected
  }

  /// How often the detector ran.
  var detections: Int { detectorCalls.load(ordering: .relaxed) }

  func faces(in frame: FaceFrame, region: FaceBox) -> [DetectedFace] {
    detectorCalls.add(1, ordering: .relaxed)
    let view = DetectorView(region: region, rows: inputSize.rows, columns: inputSize.columns)
    return people.enumerated().compactMap { number, person in
      guard let box = person(frame.index), isDetected(frame.index, number),
        box.longerSide * view.scale >= smallest, region.contains(box.centre)
      else { return nil }
      // The forehead belongs to the detector's box.
      return DetectedFace(
        box: FaceBox(
          left: box.left, top: box.top - 0.25 * box.height, right: box.right, bottom: box.bottom),
        score: 0.9)
    }
  }

  func face(in frame: FaceFrame, from start: FaceStart) -> AlignedFace? {
    let (from, size): (FaceBox, Double) =
      switch start {
      case .box(let box): (box, growth)
      case .landmarks(let landmarks): (landmarks.bounds, 1)
      }
    func distance(_ box: FaceBox) -> Double {
      let offset = box.centre - from.centre
      return (offset * offset).sum().squareRoot()
    }
    let seen = people.enumerated().compactMap { number, person in
      person(frame.index).map { (number: number, box: $0) }
    }
    let angles = HeadAngles(pitch: 0, yaw: 0, roll: 0)
    guard let nearest = seen.min(by: { distance($0.box) < distance($1.box) }),
      distance(nearest.box) < from.longerSide
    else {
      return AlignedFace(landmarks: Self.face(in: from), angles: angles, probability: 1e-6)
    }
    var random = FaceScene.Noise(seed: UInt64(frame.index * 7 + nearest.number))
    let points = Self.face(in: nearest.box, growth: size).points.map {
      $0 + [random.next(noise), random.next(noise)]
    }
    return AlignedFace(
      landmarks: FaceLandmarks(points), angles: angles,
      probability: probability(frame.index, nearest.number))
  }

  /// Numbers between plus and minus a bound.
  private struct Noise {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next(_ bound: Double) -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return bound * (Double(state >> 33) / Double(1 << 30) - 1)
    }
  }

  /// Landmarks that fill a box.
  static func face(in box: FaceBox, growth: Double = 1) -> FaceLandmarks {
    let size = growth * SIMD2(box.width, box.height)
    var points = (0..<FaceLandmarks.count).map { index in
      let angle = Double(index) * 2.4
      let radius = 0.49 * (Double(index) / Double(FaceLandmarks.count)).squareRoot()
      return box.centre + size * SIMD2(radius * cos(angle), radius * sin(angle))
    }
    points[0] = box.centre - [size.x / 2, 0]
    points[32] = box.centre + [size.x / 2, 0]
    points[9] = box.centre - [0, size.y / 2]
    points[16] = box.centre + [0, size.y / 2]
    for (index, place) in zip(MotionCrop.landmarks, MotionCrop.places) {
      points[index] = box.centre + size * (place - [0.5, 0.4])
    }
    points[FaceLandmarks.eyeCorners.left] = box.centre - size * [0.3, 0.1]
    points[FaceLandmarks.eyeCorners.right] = box.centre - size * [-0.3, 0.1]
    return FaceLandmarks(points)
  }

  /// A square face.
  static func square(_ x: Double, _ y: Double, _ side: Double) -> FaceBox {
    FaceBox(left: x - side / 2, top: y - side / 2, right: x + side / 2, bottom: y + side / 2)
  }
}

/// Frames of some pictures.
struct SceneFrames {
  let count: Int
  let picture: (Int) throws -> Tensor

  /// Black ones.
  init(_ count: Int, rows: Int = 720, columns: Int = 1280) throws {
    let black = try Tensor(zeros: [rows, columns, 3], dtype: .u8)
    self.init(count) { _ in black }
  }

  init(_ count: Int, picture: @escaping (Int) throws -> Tensor) {
    self.count = count
    self.picture = picture
  }

  func frame(_ index: Int) throws -> FaceFrame {
    FaceFrame(pixels: try picture(index), index: index)
  }

  /// As a video that can be opened.
  func open() -> FeatureExtractor.FrameReader {
    var index = 0
    return {
      guard index < count else { return nil }
      defer { index += 1 }
      return try picture(index)
    }
  }

  /// The first run over them.
  func sightings(of scene: FaceScene, _ options: FaceOptions = .init()) throws -> [FaceSighting] {
    var search = FaceSearch(detector: scene, aligner: scene, options: options)
    return try (0..<count).map {
      try search.advance(frame($0), next: $0 + 1 < count ? frame($0 + 1) : nil)
    }
  }
}

/// Answers the mean of each channel of a crop.
struct MeanEncoder: MotionEncoding {
  let cropSize = 32
  let width = 3

  func features(bgr crops: Tensor) throws -> Tensor {
    let values = try crops.floats()
    let pixels = cropSize * cropSize
    let means = (0..<crops.shape[0]).flatMap { crop in
      (0..<3).map { channel in
        (0..<pixels).reduce(Float(0)) { $0 + values[(crop * pixels + $1) * 3 + channel] }
          / Float(pixels)
      }
    }
    return try Tensor(means, shape: [crops.shape[0], width])
  }
}
