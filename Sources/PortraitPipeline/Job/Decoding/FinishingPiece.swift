import Foundation
import MediaIO

/// A piece that has all of its frames: the encoder's last ones are written on a thread of their own,
/// beside the decoder's work on the next piece.
///
/// The writer is the thread's alone until `wait` returns.
final class FinishingPiece: @unchecked Sendable {
  let piece: VideoPieces.Piece

  private let writer: VideoWriter
  private let end = DispatchSemaphore(value: 0)
  private var failure: (any Error)?

  init(_ piece: VideoPieces.Piece, _ writer: VideoWriter) {
    self.piece = piece
    self.writer = writer
    Thread.detachNewThread { [self] in
      do { _ = try self.writer.finish() } catch { failure = error }
      end.signal()
    }
  }

  /// Waits until the piece's file is there.
  ///
  /// - Throws: `OutputError`, `MediaError`.
  func wait() throws {
    end.wait()
    end.signal()
    if let failure { throw failure }
  }
}
