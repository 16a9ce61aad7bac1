import Layers
import TensorCore

/// Which of a window's portrait tokens each latent frame attends to (FlashPortrait
/// `split_audio_adapter_sequence` and `split_tensor_with_padding`): those of the four video frames
/// that it stands for, and of two more on either side.
package struct PortraitTokenSplit: Sendable, Equatable {
  /// Tokens that are there.
  package let tokenCount: Int
  /// The tokens of each latent frame, some perhaps before the first or past the last one there is.
  package let ranges: [ClosedRange<Int>]

  /// Video frames that a latent frame stands for, the first excepted.
  private static let framesPerLatent = 4

  /// One latent frame alone has no second to end before; it takes the rows that it would take in
  /// a longer window. (The published code fails there.)
  ///
  /// - Parameters:
  ///   - tokenCount: of all video frames together.
  ///   - frames: video frames.
  /// - Throws: `NetworkError.input` where there is no frame, or no token for each.
  package init(tokenCount: Int, frames: Int) throws {
    guard frames >= 1, tokenCount >= frames else {
      throw NetworkError.input(
        network: PortraitEncoderConfig.network, name: "tokens to split",
        expected: "at least one for each of at least one frame",
        found: "\(tokenCount) for \(frames) frames")
    }
    self.tokenCount = tokenCount
    let perFrame = Double(tokenCount) / Double(frames)
    let step = Self.framesPerLatent
    let reach = Int(perFrame * Double(step) / 2)
    func range(_ latent: Int) -> ClosedRange<Int> {
      let first = perFrame * Double((latent - 1) * step + 1)
      let last = perFrame * Double(latent * step + 1)
      let centre = Int((first + last) / 2) - 1
      return centre - reach...centre + reach
    }
    let second = range(1)
    let latents = (frames - 1) / step + 1
    ranges =
      [second.lowerBound - 2 * reach...second.lowerBound] + (1..<max(latents, 1)).map(range)
  }

  /// Rows of each latent frame, real ones and zeros.
  package var rowsPerLatent: Int { ranges[0].count }

  /// The real tokens of each latent frame.
  package var realRanges: [Range<Int>] {
    ranges.map { range in
      let start = min(max(range.lowerBound, 0), tokenCount)
      return start..<max(start, min(range.upperBound + 1, tokenCount))
    }
  }

  /// How many real tokens each latent frame has; zeros follow them.
  package var lengths: [Int] { realRanges.map(\.count) }

  /// - Parameter tokens: `[tokenCount, width]`, rows contiguous.
  /// - Returns: `[latent frames, rowsPerLatent, width]` in the tokens' type; each latent frame's real
  ///   tokens, then zeros, those for tokens missing in front included.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package func callAsFunction(
    _ tokens: Tensor, on context: ComputeContext = .shared
  ) throws -> Tensor {
    guard tokens.shape.rank == 2, tokens.shape[0] == tokenCount else {
      throw NetworkError.input(
        network: PortraitEncoderConfig.network, name: "tokens to split",
        expected: "[\(tokenCount), width]", found: "\(tokens.shape)")
    }
    let result = try Tensor(
      zeros: Shape(validating: [ranges.count, rowsPerLatent, tokens.shape[1]]),
      dtype: tokens.dtype)
    for (latent, range) in realRanges.enumerated() where !range.isEmpty {
      let target = try result.sliced(latent..<latent + 1)
        .reshaped([rowsPerLatent, tokens.shape[1]])
      try tokens.sliced(range).copy(into: target.sliced(0..<range.count), on: context)
    }
    return result
  }
}

extension PortraitEncoder {
  /// The tokens of a window, split by latent frame.
  ///
  /// - Parameters:
  ///   - tokens: the window's, `[frames * tokensPerFrame, outputDim]`.
  ///   - frames: video frames of the window.
  /// - Returns: `[latent frames, rows, outputDim]`, and which tokens they are.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package func split(
    _ tokens: Tensor, frames: Int
  ) throws -> (tokens: Tensor, split: PortraitTokenSplit) {
    let split = try PortraitTokenSplit(
      tokenCount: tokens.shape.rank == 0 ? 0 : tokens.shape[0], frames: frames)
    return (try split(tokens, on: execution.context), split)
  }
}
