import PortraitPipeline
import TensorCore
import TestSupport
import Testing

/// How many frames a clip has, and what drives them.
@Suite struct ClipLengthTests {
  /// Frames of the source, whose only feature is their number.
  private func sources(_ clip: ClipLength, of frames: Int) throws -> [Int] {
    let features = try Tensor((0..<frames).map { Float($0) }, shape: [frames, 1])
    return try clip.extended(features).floats().map { Int($0) }
  }

  @Test(arguments: 1...9) func theOutputHasTheFramesOfTheSource(frames: Int) throws {
    let clip = try ClipLength(drivingFrames: frames, length: .exact)
    #expect(clip.kept.count == frames && clip.soundDelay == 0)
    // No more than it takes, and one to be dropped.
    #expect(clip.madeFrames % 4 == 1)
    #expect((frames + 1..<frames + 5).contains(clip.madeFrames))
    #expect(clip.latentFrames == (clip.madeFrames + 3) / 4)
    let sources = try sources(clip, of: frames)
    #expect(sources.count == clip.madeFrames)
    #expect(sources[clip.kept].elementsEqual(0..<frames))
    #expect(sources[0] == 0)
    #expect(sources[clip.kept.upperBound...].allSatisfy { $0 == frames - 1 })
  }

  @Test(arguments: 5...13) func thePublishedLengthIsCut(frames: Int) throws {
    let clip = try ClipLength(drivingFrames: frames, length: .published)
    #expect(clip.madeFrames == (frames - 1) / 4 * 4 + 1)
    #expect(clip.kept == 1..<clip.madeFrames && clip.soundDelay == 1)
    #expect(try sources(clip, of: frames).elementsEqual(0..<clip.madeFrames))
  }

  @Test(arguments: 1...4) func thePublishedLengthNeedsFiveFrames(frames: Int) {
    #expect {
      try ClipLength(drivingFrames: frames, length: .published)
    } throws: { error in
      guard case PipelineError.parameter(let flag, _, let found) = error else { return false }
      return flag == "--length published" && found.hasPrefix("\(frames);")
    }
  }

  /// A limit on the frames leaves features behind that nobody needs.
  @Test func featuresBehindTheClipAreNotUsed() throws {
    let clip = try ClipLength(drivingFrames: 6, length: .exact)
    #expect(try sources(clip, of: 20) == [0, 0, 1, 2, 3, 4, 5, 5, 5])
  }

  /// A container may say that it lasts for ever.
  @Test(arguments: JobParameters.Length.allCases)
  func noClipIsEndless(length: JobParameters.Length) throws {
    #expect(try ClipLength(drivingFrames: ClipLength.limit, length: length).latentFrames > 0)
    #expect {
      try ClipLength(drivingFrames: 9_200_000_000_000_000, length: length)
    } throws: { error in
      guard case PipelineError.parameter("--max-frames", _, _) = error else { return false }
      return true
    }
  }
}
