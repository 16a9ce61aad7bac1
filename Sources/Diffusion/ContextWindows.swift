/// The windows of a clip that the network sees one at a time, and how far they overlap (golden
/// `context_windows`).
package struct ContextWindows: Sendable, Equatable {
  /// Latent frames of each window, in the order in which they are computed.
  package let windows: [Range<Int>]
  /// Frames that each window shares with the one before; 0 for the first.
  package let overlaps: [Int]

  /// A clip shorter than a window has one window of its own length.
  ///
  /// - Parameters:
  ///   - latentFrames: 1 or more.
  ///   - size: of a window, above `overlap`.
  ///   - overlap: 0 or more.
  package init(latentFrames: Int, size: Int, overlap: Int) {
    precondition(latentFrames > 0 && size > overlap && overlap >= 0, "no windows like that")
    guard latentFrames > size else {
      windows = [0..<latentFrames]
      overlaps = [0]
      return
    }
    var starts = Array(stride(from: 0, to: latentFrames - overlap, by: size - overlap))
    starts[starts.count - 1] = latentFrames - size
    let windows = starts.map { $0..<$0 + size }
    self.windows = windows
    overlaps = windows.indices.map { index in
      index == 0 ? 0 : max(0, windows[index - 1].upperBound - windows[index].lowerBound)
    }
  }

  /// The share of the later window in each of the frames that two windows have in common.
  package static func blendWeights(_ count: Int) -> [Float] {
    count == 1 ? [0.5] : (0..<count).map { Float($0) / Float(count - 1) }
  }
}
