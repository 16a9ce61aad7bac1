import Checkpoints
import Foundation
import Layers
import MediaIO
import PortraitPipeline
import TensorCore
import TestSupport
import WanModels

/// A clip that is decoded, in a work folder of its own.
struct DecodedClip: Sendable, Codable {
  enum Network: String, Sendable, CaseIterable, Codable {
    case full, tiled, tiny
  }

  /// What ends a run, as an interruption would.
  struct Stop: Error {}

  var network = Network.tiny
  var latentFrames = 37
  /// The first frame is dropped, as are the last two.
  var keeping = 1..<143
  var rows = 3
  var columns = 4
  var threads = 2
  var quality = 17.0
  /// Of the latents.
  var seed = "latents"

  private func decoder() throws -> LatentDecoder {
    let execution = Execution(
      context: try ComputeContext(instructionSet: .best, threadCount: threads))
    if network == .tiny {
      let config = TinyVAEConfig(
        decoderWidths: [12, 8, 8, 8], encoderWidth: nil, latentChannels: 16)
      return .tiny(
        try TinyVAEDecoder(config, weights: ProceduralTensorSource(), execution: execution))
    }
    var config = WanVAEConfig.wan21
    (config.dim, config.numResBlocks) = (6, 1)
    let tiling = VideoTiling(rows: 16, columns: 24, rowStride: 8, columnStride: 16)
    return .full(
      try WanVAEDecoder(config, weights: ProceduralTensorSource(), execution: execution),
      tiling: network == .tiled ? tiling : nil)
  }

  private func latents(_ frames: Range<Int>) throws -> Tensor {
    let parts = try frames.map {
      try ProceduralWeights.noise("\(seed) \($0)", shape: [16, rows, columns], scale: 2)
    }
    let result = try Tensor(uninitialized: [16, frames.count, rows, columns], dtype: .f32)
    for (index, part) in parts.enumerated() {
      try part.copy(
        into: result.sliced(index..<index + 1, axis: 1).permuted([1, 0, 2, 3])[0])
    }
    return result
  }

  /// - Parameter report: what it throws ends the run.
  func decode(
    in folder: String, _ report: (JobEvent) throws -> Void = { _ in }
  ) throws -> [String] {
    try VideoDecoding(
      decoder: decoder(), latentFrames: latentFrames, keeping: keeping,
      frameRate: Rational(25), options: .init(quality: quality, preset: .veryfast),
      folder: WorkFolder(folder, resumes: true), fingerprint: Fingerprint([("latents", seed)]),
      latents: latents
    ).run(report)
  }

  /// The frames that the pieces should hold, as bytes.
  func expectedFrames() throws -> Tensor {
    guard case .tiny(let decoder) = try decoder() else { preconditionFailure("the tiny one") }
    return try decoder(latents(0..<latentFrames)).displayBytes().sliced(keeping)
  }

  /// The bytes of pieces, one after another, with their names.
  static func contents(_ paths: [String]) throws -> [String: Data] {
    Dictionary(
      uniqueKeysWithValues: try paths.map {
        let url = URL(fileURLWithPath: $0)
        return (url.lastPathComponent, try Data(contentsOf: url))
      })
  }

  /// What a run that nothing disturbs makes.
  func undisturbed() throws -> [String: Data] {
    let folder = try TemporaryFolder()
    return try Self.contents(decode(in: folder.path))
  }
}
