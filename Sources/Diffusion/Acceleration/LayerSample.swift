import TensorCore

/// A fixed, evenly spread part of a layer's hidden states, which stands for all of them where only mean
/// magnitudes are asked for.
///
/// Tokens lie at equal distances, and so do the channels that are taken of each; from token to token
/// they move on by one, so that every channel is taken equally often: a few channels of a trained
/// network are far larger than the others.
package struct LayerSample: Sendable, Equatable {
  /// Of 40 layers of 5120 channels, the samples take 2.5 MB.
  static let tokenLimit = 256
  static let channelsOfToken = 64

  /// Tokens and channels of the hidden states.
  package let rows: Int
  package let width: Int

  /// Sampled tokens.
  private let tokens: Int
  /// From one sampled channel of a token to the next.
  private let stride: Int
  /// Sampled channels of a token.
  private let channels: Int

  /// - Parameters: those of the hidden states, 1 or more.
  package init(rows: Int, width: Int) {
    precondition(rows > 0 && width > 0, "hidden states of \(rows) x \(width)")
    self.rows = rows
    self.width = width
    // Where tokens are few, more channels of each, so that all channels are taken at least once.
    stride = min(width.dividedUp(by: Self.channelsOfToken), rows, Self.tokenLimit)
    channels = width / stride
    tokens = min(rows, Self.tokenLimit) / stride * stride
  }

  /// Elements of a layer's sample.
  package var count: Int { tokens * channels }

  /// Takes the sample of a layer.
  ///
  /// - Parameters:
  ///   - hidden: `[rows, width]` float32.
  ///   - target: `[count]` float32, contiguous and writable.
  package func copy(_ hidden: Tensor, into target: Tensor) {
    precondition(
      hidden.dtype == .f32 && hidden.shape == [rows, width] && hidden.isContiguous,
      "hidden states \(hidden.shape), not [\(rows), \(width)]")
    precondition(
      target.dtype == .f32 && target.count == count && target.isContiguous,
      "a sample of \(target.shape), not [\(count)]")
    let source = hidden.pointer.assumingMemoryBound(to: Float.self)
    let result = target.pointer.assumingMemoryBound(to: Float.self)
    withExtendedLifetime((hidden, target)) {
      for token in 0..<tokens {
        // The middle of the token's share of the rows.
        let row = (2 * token + 1) * rows / (2 * tokens)
        for index in 0..<channels {
          let channel = (token + index * stride) % width
          result[token * channels + index] = source[row * width + channel]
        }
      }
    }
  }
}
