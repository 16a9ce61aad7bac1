import Diffusion
import Testing

@Suite struct ContextWindowsTests {
  /// The published sizes: the last window is moved back to the end.
  @Test func publishedSizes() throws {
    let windows = try ContextWindows(latentFrames: 101, size: 51, overlap: 30)
    #expect(windows.windows == [0..<51, 21..<72, 42..<93, 50..<101])
    #expect(windows.overlaps == [0, 30, 30, 43])
  }

  @Test(arguments: [1, 2, 26, 50, 51])
  func clipsNoLongerThanAWindowHaveOne(frames: Int) throws {
    let windows = try ContextWindows(latentFrames: frames, size: 51, overlap: 30)
    #expect(windows.windows == [0..<frames])
    #expect(windows.overlaps == [0])
  }

  /// What holds for every length, size and overlap.
  @Test(arguments: 1...12)
  func everyTable(size: Int) throws {
    for overlap in 0..<size {
      for frames in 1...40 {
        let table = try ContextWindows(latentFrames: frames, size: size, overlap: overlap)
        let windows = table.windows
        let name: Comment = "\(frames) frames, windows of \(size) sharing \(overlap)"
        #expect(windows.allSatisfy { $0.count == min(size, frames) }, name)
        #expect(windows.first?.lowerBound == 0 && windows.last?.upperBound == frames, name)
        let pairs = Array(zip(windows, windows.dropFirst()))
        #expect(pairs.allSatisfy { $0.lowerBound < $1.lowerBound }, name)
        #expect(pairs.allSatisfy { $0.upperBound - $1.lowerBound >= overlap }, name)
        // All but the last are as far apart as was asked for.
        #expect(
          pairs.dropLast().allSatisfy { $1.lowerBound - $0.lowerBound == size - overlap }, name)
        #expect(table.overlaps == [0] + pairs.map { $0.clamped(to: $1).count }, name)
        // No window could be left out.
        #expect(
          pairs.count < 1 || windows[windows.count - 2].upperBound < frames, name)
      }
    }
  }

  @Test(arguments: [(0, 0), (-1, 0), (5, 5), (5, 6), (5, -1), (Int.min, Int.max)])
  func impossibleWindowsAreRefused(size: Int, overlap: Int) {
    for frames in [1, 100] {
      #expect(throws: DiffusionError.window(size: size, overlap: overlap)) {
        try ContextWindows(latentFrames: frames, size: size, overlap: overlap)
      }
    }
  }

  @Test func weightsGoFromTheEarlierToTheLaterWindow() {
    #expect(ContextWindows.blendWeights(0) == [])
    #expect(ContextWindows.blendWeights(1) == [0.5])
    #expect(ContextWindows.blendWeights(2) == [0, 1])
    #expect(ContextWindows.blendWeights(5) == [0, 0.25, 0.5, 0.75, 1])
    for count in 2...60 {
      let weights = ContextWindows.blendWeights(count)
      #expect(weights.count == count && weights.first == 0 && weights.last == 1)
      #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 < $1 })
    }
  }

  @Test func videoFramesOfAWindow() {
    #expect(ContextWindows.videoFrames(of: 0..<1) == 0..<1)
    #expect(ContextWindows.videoFrames(of: 0..<51) == 0..<201)
    #expect(ContextWindows.videoFrames(of: 21..<72) == 84..<285)
  }
}
