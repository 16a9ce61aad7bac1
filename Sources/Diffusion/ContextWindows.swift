/// The windows of a clip that the network sees one at a time, and how far they overlap (golden
/// `context_windows`).
package struct ContextWindows: Sendable, Equatable {
  /// Latent frames of each window, in the order in which they are computed.
  package let windows: [Range<Int>]
  /// Frames that each window shares with the one before; 0 for the first.
  package let overlaps: [Int]

  package var count: Int { windows.count }

  /// A clip no longer than a window has one window of its own length. (The published code wraps round
  /// in a shorter clip, or fails.)
  ///
  /// - Parameters:
  ///   - latentFrames: of the clip, 1 or more.
  ///   - size: latent frames of a window, above `overlap`.
  ///   - overlap: latent frames that neighbours share, 0 or more; the last two may share more.
  /// - Throws: `DiffusionError.window`.
  package init(latentFrames: Int, size: Int, overlap: Int) throws {
    precondition(latentFrames > 0, "\(latentFrames) latent frames")
    let starts = try Self.starts(latentFrames: latentFrames, size: size, overlap: overlap)
    guard latentFrames > size else {
      windows = [0..<latentFrames]
      overlaps = [0]
      return
    }
    // The last window ends where the clip does.
    let windows = (starts.dropLast() + [latentFrames - size]).map { $0..<$0 + size }
    self.windows = windows
    overlaps =
      [0] + zip(windows, windows.dropFirst()).map { max(0, $0.upperBound - $1.lowerBound) }
  }

  /// Where windows begin before the last one is moved back to the clip's end.
  ///
  /// - Throws: `DiffusionError.window`.
  package static func starts(latentFrames: Int, size: Int, overlap: Int) throws -> [Int] {
    guard size >= 1, (0..<size).contains(overlap) else {
      throw DiffusionError.window(size: size, overlap: overlap)
    }
    guard latentFrames > size else { return [0] }
    return Array(stride(from: 0, to: latentFrames - overlap, by: size - overlap))
  }

  /// The share of the later window in each of the frames that two windows have in common.
  package static func blendWeights(_ count: Int) -> [Float] {
    count == 1 ? [0.5] : (0..<count).map { Float($0) / Float(count - 1) }
  }

  /// The video frames whose expressions a window follows: those that its latent frames stand for, but
  /// for the three before the first one's last.
  package static func videoFrames(of latentFrames: Range<Int>) -> Range<Int> {
    let end = LatentScale.videoFrames(ofLatentFrames: latentFrames.upperBound)
    return LatentScale.frames * latentFrames.lowerBound..<end
  }
}
