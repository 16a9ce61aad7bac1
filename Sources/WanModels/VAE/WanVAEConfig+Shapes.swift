import Layers
import TensorCore

extension WanVAEConfig {
  /// The sizes of a checkpoint, read from the shapes of its encoder's tensors; the latents'
  /// statistics are in no checkpoint and are the published ones.
  ///
  /// - Parameter shapes: by the published names, without a "model." prefix.
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes) throws {
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    let dim = try size(.dim, "encoder.conv1.weight", axis: 0)
    let zDim = try size(.zDim, "conv2.weight", axis: 0)
    var levels = [EncoderLevel()]
    let stages = "encoder.downsamples"
    for index in 0..<shapes.count(of: stages) {
      let stage = "\(stages).\(index)"
      if shapes["\(stage).resample.1.weight"] != nil {
        levels[levels.count - 1].halvesTime = shapes["\(stage).time_conv.weight"] != nil
        levels.append(EncoderLevel())
      } else {
        levels[levels.count - 1].width = try size(
          .dimMult, "\(stage).residual.2.weight", axis: 0)
        levels[levels.count - 1].blockCount += 1
      }
    }
    try Self.check.require(
      dim > 0 && levels.allSatisfy { $0.width % dim == 0 }, .dimMult, "multiples of \(dim)",
      levels.map(\.width))
    let blockCount = levels[0].blockCount
    try Self.check.require(
      levels.allSatisfy { $0.blockCount == blockCount }, .numResBlocks,
      "the same number in every level", levels.map(\.blockCount))
    try self.init(
      dim: dim, zDim: zDim, dimMult: levels.map { $0.width / dim }, numResBlocks: blockCount,
      temperalDownsample: levels.dropLast().map(\.halvesTime))
  }
}

/// What the names of a level's tensors tell.
private struct EncoderLevel {
  var width = 0
  var blockCount = 0
  var halvesTime = false
}
