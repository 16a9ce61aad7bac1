import Foundation

/// How a clip's video is cut into files: each is made of the same number of latent frames, but the
/// last, and holds those of their frames that are kept.
struct VideoPieces {
  /// One file.
  struct Piece: Equatable {
    let name: String
    /// The clip's latent frames up to the end of the piece.
    let latentEnd: Int
    /// The frames in it, counted over all that are made.
    let frames: Range<Int>
  }

  /// Latent frames of a piece.
  static let length = 16

  /// In order of time; there are none without frames.
  let pieces: [Piece]

  /// - Parameters:
  ///   - latentFrames: of the clip.
  ///   - keeping: of the frames that are made of them.
  ///   - pixelFrames: how many frames so many latent frames give.
  init(latentFrames: Int, keeping: Range<Int>, pixelFrames: (Int) -> Int) {
    precondition(
      keeping.lowerBound >= 0 && keeping.upperBound <= pixelFrames(latentFrames),
      "frames \(keeping) of \(latentFrames) latent frames")
    pieces = stride(from: 0, to: latentFrames, by: Self.length).enumerated().compactMap {
      number, start in
      let end = min(start + Self.length, latentFrames)
      let frames = (pixelFrames(start)..<pixelFrames(end)).clamped(to: keeping)
      guard !frames.isEmpty else { return nil }
      // Latent frames after the last frame that is kept are nobody's.
      let latentEnd = (start + 1...end).first { pixelFrames($0) >= frames.upperBound } ?? end
      return Piece(
        name: Self.name(number), latentEnd: latentEnd, frames: frames)
    }
  }

  /// The name of a file.
  static func name(_ number: Int) -> String { String(format: "piece-%05d.mp4", number) }

  /// Whether a file has the name of a piece.
  static func isPiece(_ name: String) -> Bool {
    name.wholeMatch(of: /piece-\d+\.mp4/) != nil
  }
}
