import Diffusion
import TensorCore

/// How many frames a job makes, which of them it keeps, and what drives each.
package struct ClipLength: Sendable, Equatable {
  /// Frames of the source.
  package let drivingFrames: Int
  /// Frames that are made, 4 k + 1; the first shows the picture itself.
  package let madeFrames: Int
  /// Those of the made frames that become the output.
  package let kept: Range<Int>
  private let length: JobParameters.Length

  /// Frames of the source at most: four days of 25 a second. More is a container that lies, and its
  /// plan alone would fill the memory.
  package static let limit = 10_000_000

  /// - Parameter drivingFrames: 1 or more.
  /// - Throws: `PipelineError.parameter` where nothing is left to be kept, or for more frames than
  ///   `limit`.
  package init(drivingFrames: Int, length: JobParameters.Length) throws {
    precondition(drivingFrames > 0, "a clip without frames")
    self.drivingFrames = drivingFrames
    self.length = length
    guard drivingFrames <= Self.limit else {
      throw PipelineError.parameter(
        flag: "--max-frames", expected: "at most \(Self.limit) frames of the driving video",
        found: "\(drivingFrames)")
    }
    switch length {
    case .exact:
      madeFrames = LatentScale.videoFrames(
        ofLatentFrames: LatentScale.latentFrames(ofVideoFrames: drivingFrames + 1))
      kept = 1..<drivingFrames + 1
    case .published:
      madeFrames = LatentScale.videoFrames(
        ofLatentFrames: (drivingFrames - 1) / LatentScale.frames + 1)
      kept = 1..<madeFrames
      guard madeFrames > 1 else {
        throw PipelineError.parameter(
          flag: "--length published", expected: "a driving video of 5 frames or more",
          found: "\(drivingFrames); --length exact takes any")
      }
    }
  }

  package var latentFrames: Int { LatentScale.latentFrames(ofVideoFrames: madeFrames) }

  /// Frames of the source before the one that drives the first kept frame.
  package var soundDelay: Int { length == .exact ? 0 : 1 }

  /// The driving frame behind each made frame: the first twice, so that the dropped frame costs
  /// none, and the last as often as it takes to fill up.
  private func source(of frame: Int) -> Int {
    length == .exact ? min(max(frame - 1, 0), drivingFrames - 1) : frame
  }

  /// The features of the made frames.
  ///
  /// - Parameter features: of the source, `[at least drivingFrames, width]` float32.
  /// - Returns: `[madeFrames, width]` float32.
  /// - Throws: `TensorError.outOfMemory`.
  package func extended(_ features: Tensor) throws -> Tensor {
    let source = try features.contiguous()
    let width = source.shape[1] * 4
    let result = try Tensor(uninitialized: [madeFrames, source.shape[1]], dtype: .f32)
    for frame in 0..<madeFrames {
      (result.pointer + frame * width).copyMemory(
        from: source.pointer + self.source(of: frame) * width, byteCount: width)
    }
    withExtendedLifetime(source) {}
    return result
  }
}
