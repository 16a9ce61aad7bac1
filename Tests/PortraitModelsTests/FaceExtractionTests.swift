import Imaging
import PortraitModels
import TensorCore
import TestSupport
import Testing

/// From frames to features, in two runs.
@Suite struct FaceExtractionTests {
  private func extractor(
    _ scene: FaceScene, _ options: FaceOptions = .init()
  ) -> FeatureExtractor {
    FeatureExtractor(detector: scene, aligner: scene, encoder: MeanEncoder(), options: options)
  }

  private static let person: FaceScene.Person = { _ in FaceScene.square(160, 120, 120) }

  /// A face in some frames alone.
  private static func person(in frames: @escaping @Sendable (Int) -> Bool) -> FaceScene.Person {
    { frames($0) ? FaceScene.square(160, 120, 120) : nil }
  }

  /// Frames of one grey level each.
  private func greys(_ levels: [UInt8]) -> SceneFrames {
    SceneFrames(levels.count) { index in
      let frame = try Tensor(uninitialized: [240, 320, 3], dtype: .u8)
      frame.pointer.initializeMemory(as: UInt8.self, repeating: levels[index], count: frame.count)
      return frame
    }
  }

  @Test func gapsAreFilled() throws {
    let shown: Set<Int> = [2, 3, 4, 7, 8, 10, 11]
    let levels = (0..<13).map { UInt8(10 + 3 * $0) }
    let frames = greys(levels)
    let scene = FaceScene([Self.person { shown.contains($0) }])
    let found = try extractor(scene).extract(video: "v.mp4") { frames.open() }
    #expect(found.frames == 13)
    #expect(found.validity == (0..<13).map(shown.contains))
    let want: [Float] = (0..<13).map { Float(10 + 3 * min(max($0, 2), 11)) }
    let got = try found.features.floats()
    for (frame, level) in want.enumerated() {
      #expect(abs(got[3 * frame] - level) < 1e-3, "frame \(frame): \(got[3 * frame])")
    }
    #expect(
      found.warnings == [
        "no face in 6 of 13 frames, filled from their neighbours: 0, 1, 5, 6, 9, ..."
      ])
    let boxes = try found.boxes.floats()
    #expect(boxes[0..<8].allSatisfy { $0 == 0 })
    #expect(abs(boxes[8] - 100) < 0.01 && abs(boxes[10] - 220) < 0.01)
    #expect(try found.landmarks.floats().allSatisfy(\.isFinite))
  }

  @Test func everyFrameIsSeenOnceByTheDetector() throws {
    let scene = FaceScene([Self.person])
    let frames = greys([UInt8](repeating: 90, count: 21))
    var runs: [FeatureExtractor.Progress] = []
    let found = try extractor(scene).extract(video: "v") {
      frames.open()
    } progress: {
      runs.append($0)
    }
    #expect(scene.detections == 21)
    #expect(found.validity.allSatisfy(\.self) && found.warnings.isEmpty)
    #expect(runs.map(\.frames) == Array(1...21) + Array(1...21))
    #expect(runs[20].run == .search && runs[20].total == nil && runs[20].faces == 21)
    #expect(runs[41].run == .reading && runs[41].total == 21 && runs[41].faces == 21)
  }

  @Test func smallFacesAreNamed() throws {
    let scene = FaceScene([{ _ in FaceScene.square(160, 120, 60) }])
    let frames = greys([UInt8](repeating: 90, count: 3))
    let found = try extractor(scene).extract(video: "v") { frames.open() }
    #expect(found.validity == [true, true, true])
    #expect(found.warnings.count == 1)
    #expect(
      found.warnings.first?.hasPrefix("the face is small in 3 frames, 60 pixels at the least")
        == true)
  }

  // MARK: Cuts

  /// A pattern of blocks; another seed is another scene.
  private func picture(_ seed: UInt64, brighter: Int = 0, shift: Int = 0) throws -> Tensor {
    let frame = try Tensor(uninitialized: [240, 320, 3], dtype: .u8)
    let bytes = frame.pointer.assumingMemoryBound(to: UInt8.self)
    var random = SeededGenerator(seed: seed)
    let blocks = (0..<12 * 20).map { _ in Int.random(in: 20...180, using: &random) }
    for row in 0..<240 {
      for column in 0..<320 {
        let level = blocks[row / 20 * 20 + (column + shift) / 20 % 20] + brighter
        for channel in 0..<3 {
          bytes[(row * 320 + column) * 3 + channel] = UInt8(min(level, 255))
        }
      }
    }
    return frame
  }

  private func cuts(_ pictures: [Tensor]) throws -> [Int] {
    let sightings = try SceneFrames(pictures.count) { pictures[$0] }
      .sightings(of: FaceScene([Self.person]))
    return sightings.indices.filter { sightings[$0].isCut }
  }

  @Test func cutsAreToldFromFlashesAndMovement() throws {
    let (a, b) = (try picture(1), try picture(2))
    #expect(try cuts([a, a, a, b, b, a, a]) == [3, 5])
    // Flashes: another picture, or much light, for one frame.
    #expect(try cuts([a, a, b, a, a]) == [])
    #expect(try cuts([a, a, picture(1, brighter: 90), a, a]) == [])
    #expect(try cuts([a, a, picture(1, brighter: 60), picture(1, brighter: 60), a]) == [])
    // A camera that pans by 6 % of the frame.
    #expect(try cuts((0..<8).map { try picture(1, shift: 20 * $0) }) == [])
    // Black, then another scene.
    let black = try Tensor(zeros: [240, 320, 3], dtype: .u8)
    #expect(try cuts([black, black, black]) == [])
    #expect(try cuts([a, a, black, black, b, b]) == [2, 4])
  }

  @Test func aCutStartsAfresh() throws {
    let (a, b) = (try picture(1), try picture(2))
    // The same place, another person, 20 pixels beside the first one.
    let one: FaceScene.Person = { $0 < 6 ? FaceScene.square(140, 120, 120) : nil }
    let two: FaceScene.Person = { $0 < 6 ? nil : FaceScene.square(160, 120, 120) }
    let frames = SceneFrames(12) { $0 < 6 ? a : b }
    let found = try extractor(FaceScene([one, two])).extract(video: "v") { frames.open() }
    #expect(found.cuts == [6])
    let boxes = try found.boxes.floats()
    // Not smoothed over the cut.
    #expect(abs(boxes[6 * 4] - 100) < 1e-3)
    #expect(found.sightings[6].chosen?.number == 0)
  }

  // MARK: Errors

  @Test func whatCannotBeReadIsSaid() throws {
    func failure(
      _ people: [FaceScene.Person], frames: Int, _ options: FaceOptions = .init()
    ) -> FaceError? {
      let frames = greys([UInt8](repeating: 50, count: frames))
      return #expect(throws: FaceError.self) {
        try extractor(FaceScene(people), options).extract(video: "v.mp4") { frames.open() }
      }
    }
    #expect(failure([], frames: 0) == .noFrames(video: "v.mp4"))
    #expect(failure([], frames: 3) == .noFace(video: "v.mp4", frames: 3))
    #expect(
      failure([Self.person], frames: 4, .init(choice: .number(2)))
        == .choiceUnmet(video: "v.mp4", choice: .number(2), frames: 4, atOnce: 1))
    #expect(
      failure([Self.person { $0 < 4 }], frames: 9)
        == .tooFewFaces(video: "v.mp4", valid: 4, frames: 9))
    #expect(
      failure([Self.person], frames: 1, .init(choice: .point(x: 400, y: 3)))
        == .pointOutside(x: 400, y: 3, rows: 240, columns: 320))
    #expect(
      FaceError.tooFewFaces(video: "v.mp4", valid: 4, frames: 9).description.contains(
        "v.mp4: a face in 4 of 9 frames"))
  }

  @Test func halfOfTheFramesIsEnough() throws {
    let frames = greys([UInt8](repeating: 50, count: 10))
    let scene = FaceScene([Self.person { $0 % 2 == 0 }])
    let found = try extractor(scene).extract(video: "v") { frames.open() }
    #expect(found.validity.count(where: \.self) == 5)
  }

  @Test func aVideoThatChangesIsNoticed() throws {
    var openings = 0
    #expect(throws: FaceError.framesChanged(video: "v", first: 5, second: 3)) {
      try extractor(FaceScene([Self.person])).extract(video: "v") {
        openings += 1
        return greys([UInt8](repeating: 50, count: openings == 1 ? 5 : 3)).open()
      }
    }
  }

  @Test func framesMustBePictures() throws {
    let frames = SceneFrames(1) { _ in try Tensor(zeros: [4, 4], dtype: .u8) }
    #expect(throws: FaceError.frame(index: 0, found: "U8 [4, 4]")) {
      try extractor(FaceScene([Self.person])).extract(video: "v") { frames.open() }
    }
  }

  private struct Cancelled: Error {}

  @Test func progressCanCancel() throws {
    let frames = greys([UInt8](repeating: 50, count: 9))
    var calls = 0
    #expect(throws: Cancelled.self) {
      try extractor(FaceScene([Self.person])).extract(video: "v") {
        frames.open()
      } progress: { _ in
        calls += 1
        if calls == 12 { throw Cancelled() }
      }
    }
    #expect(calls == 12)
  }

  // MARK: Determinism

  /// Landmarks that depend on every pixel of the crop.
  private struct PixelLandmarks: LandmarkRegressing {
    let cropSize = 128

    func landmarks(in crop: Tensor) throws -> LandmarkEstimate {
      let levels = try crop.floats()
      let mean = Double(levels.reduce(0, +)) / Double(levels.count * 255)
      let face = FaceScene.face(in: FaceScene.square(0.5 + 0.02 * mean, 0.5, 0.7 + 0.1 * mean))
      return LandmarkEstimate(landmarks: face, pitch: mean, yaw: -mean, probability: 0.9)
    }
  }

  @Test func threadsDoNotCount() throws {
    let pictures = try (0..<6).map { try picture(7, shift: 3 * $0) }
    let frames = SceneFrames(6) { pictures[$0] }
    let results = try [1, 4].map { threads in
      let context = try ComputeContext(instructionSet: .best, threadCount: threads)
      return try FeatureExtractor(
        detector: FaceScene([Self.person]),
        aligner: FaceAligner(network: PixelLandmarks(), context: context), encoder: MeanEncoder(),
        context: context
      ).extract(video: "v") { frames.open() }
    }
    let (one, four) = (results[0], results[1])
    #expect(try one.features.floats().elementsEqual(four.features.floats()))
    #expect(try one.landmarks.floats().elementsEqual(four.landmarks.floats()))
    #expect(try one.angles.floats().elementsEqual(four.angles.floats()))
    #expect(one.validity == [Bool](repeating: true, count: 6))
  }
}
