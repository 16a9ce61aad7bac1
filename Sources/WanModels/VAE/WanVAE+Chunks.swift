import Layers
import TensorCore

/// The pixels of a clip whose latents come chunk by chunk: a stage of the pipeline pulls as much as
/// it wants to work on. Also an asynchronous sequence.
package struct DecodedChunks: AsyncSequence, AsyncIteratorProtocol {
  private var session: WanVAEDecoder.Session
  private let latents: () throws -> Tensor?

  /// - Parameters:
  ///   - session: at any place of its clip.
  ///   - latents: the next latent frames `[z, frames, rows, columns]`, nil after the last.
  package init(
    _ session: WanVAEDecoder.Session, of latents: @escaping () throws -> Tensor?
  ) {
    self.session = session
    self.latents = latents
  }

  /// The pixels of the next latent frames, `[frames, rows, columns, 3]` float32; nil after the last.
  ///
  /// - Throws: what the source of the latents throws; `NetworkError`, `TensorError`.
  package mutating func next() throws -> Tensor? {
    try latents().map { try session.decode($0) }
  }

  package func makeAsyncIterator() -> DecodedChunks { self }
}

/// The latents of a clip whose pixels come chunk by chunk. Also an asynchronous sequence.
package struct EncodedChunks: AsyncSequence, AsyncIteratorProtocol {
  private var session: WanVAEEncoder.Session
  private let pixels: () throws -> Tensor?

  /// - Parameters:
  ///   - session: at any place of its clip.
  ///   - pixels: the next frames `[frames, rows, columns, 3]`, nil after the last.
  package init(
    _ session: WanVAEEncoder.Session, of pixels: @escaping () throws -> Tensor?
  ) {
    self.session = session
    self.pixels = pixels
  }

  /// The next latent frames, at least one; nil after the last.
  ///
  /// - Throws: what the source of the pixels throws; `NetworkError.input` where the clip ends between
  ///   two latent frames; `TensorError`.
  package mutating func next() throws -> LatentDistribution? {
    while let frames = try pixels() {
      let result = try session.encode(frames)
      if result.frameCount > 0 { return result }
    }
    try session.finish()
    return nil
  }

  package func makeAsyncIterator() -> EncodedChunks { self }
}
