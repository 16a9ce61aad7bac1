import Diffusion
import Testing

struct ContextWindowsTests {
  /// The published sizes: the last window is moved back to the end.
  @Test func publishedSizes() throws {
    let windows = try ContextWindows(latentFrames: 101, size: 51, overlap: 30)
    #expect(windows.windows == [0..<51, 21..<72, 42..<93, 50..<101])
    #expect(windows.overlaps == [0, 30, 30, 43])
  }

  @Test func shortClipsHaveOneWindow() throws {
    #expect(try ContextWindows(latentFrames: 1, size: 51, overlap: 30).windows == [0..<1])
    #expect(try ContextWindows(latentFrames: 51, size: 51, overlap: 30).windows == [0..<51])
  }
}
