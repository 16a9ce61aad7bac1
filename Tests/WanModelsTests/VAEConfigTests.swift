import Foundation
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct VAEConfigTests {
  static func config(
    _ dim: Int, z: Int = 16, _ mult: [Int], blocks: Int, halvesTime: [Bool]
  ) throws -> WanVAEConfig {
    try WanVAEConfig(
      dim: dim, zDim: z, dimMult: mult, numResBlocks: blocks, temperalDownsample: halvesTime)
  }

  static func declarations(_ config: WanVAEConfig) throws -> [TensorDeclaration] {
    let source = RecordingTensorSource()
    _ = try WanVAE(config, weights: source, execution: Execution())
    return source.declarations
  }

  static func shapes(_ declarations: [TensorDeclaration]) -> NamedShapes {
    NamedShapes(declarations.map { ($0.name, $0.shape) })
  }

  @Test(arguments: [
    try config(8, [1, 2, 4, 4], blocks: 2, halvesTime: [false, true, true]),
    try config(6, z: 5, [2, 3], blocks: 1, halvesTime: [false]),
    try config(4, z: 3, [1, 2, 3, 1, 2], blocks: 3, halvesTime: [true, false, false, true]),
    try config(7, z: 4, [3], blocks: 2, halvesTime: []),
  ])
  func sizesAreReadFromTheTensors(config: WanVAEConfig) throws {
    #expect(try WanVAEConfig(shapes: Self.shapes(Self.declarations(config))) == config)
  }

  /// The published file: 194 tensors, 127 million parameters.
  @Test func publishedSizes() throws {
    let declarations = try Self.declarations(.wan21)
    #expect(declarations.count == 194)
    #expect(declarations.reduce(0) { $0 + $1.shape.count } == 126_892_531)
    #expect(Set(declarations.map(\.name)).count == declarations.count)
    let shapes = Self.shapes(declarations)
    #expect(shapes["encoder.downsamples.5.time_conv.weight"] == [192, 192, 3, 1, 1])
    #expect(shapes["decoder.upsamples.7.resample.1.weight"] == [192, 384, 3, 3])
    #expect(shapes["decoder.upsamples.4.shortcut.weight"] == [384, 192, 1, 1, 1])
    #expect(shapes["encoder.middle.1.norm.gamma"] == [384, 1, 1])
    #expect(try WanVAEConfig(shapes: shapes) == .wan21)
  }

  @Test func halvesClaimTheirOwn() throws {
    let (encoder, decoder) = (RecordingTensorSource(), RecordingTensorSource())
    let config = try Self.config(4, [1, 2], blocks: 1, halvesTime: [true])
    _ = try WanVAEEncoder(config, weights: encoder, execution: Execution())
    _ = try WanVAEDecoder(config, weights: decoder, execution: Execution())
    func prefixes(_ patterns: [String]) -> [String] { patterns.map { String($0.dropLast()) } }
    for (source, patterns) in [
      (encoder, WanVAEEncoder.tensorNames), (decoder, WanVAEDecoder.tensorNames),
    ] {
      for name in source.declarations.map(\.name) {
        #expect(prefixes(patterns).contains { name.hasPrefix($0) }, "\(name)")
      }
    }
  }

  @Test func unknownSizes() throws {
    let all = try Self.declarations(
      Self.config(8, [1, 2, 4, 4], blocks: 2, halvesTime: [false, true, true]))
    for (key, tensor) in [
      ("dim", "encoder.conv1.weight"), ("z_dim", "conv2.weight"),
      ("dim_mult", "encoder.downsamples.1.residual.2.weight"),
    ] {
      let rest = Self.shapes(all.filter { $0.name != tensor })
      #expect(
        throws: NetworkError.unknownSize(network: "video autoencoder", key: key, tensor: tensor)
      ) { try WanVAEConfig(shapes: rest) }
    }
  }

  @Test(
    arguments: [
      ("dim", 0, 16, [1], 2, []), ("z_dim", 8, 0, [1], 2, []), ("dim_mult", 8, 16, [], 2, []),
      ("dim_mult", 8, 16, [1, 0], 2, [true]), ("dim_mult", 1 << 14, 16, [1, 1 << 14], 2, [true]),
      ("dim_mult", 5, 16, [1, 3], 2, [true]), ("num_res_blocks", 8, 16, [1], 0, []),
      ("temperal_downsample", 8, 16, [1, 2], 2, [true, false]),
    ] as [(String, Int, Int, [Int], Int, [Bool])])
  func impossibleSizes(
    key: String, dim: Int, z: Int, mult: [Int], blocks: Int, halvesTime: [Bool]
  ) throws {
    let error = try #require(throws: NetworkError.self) {
      try Self.config(dim, z: z, mult, blocks: blocks, halvesTime: halvesTime)
    }
    guard case .configuration(_, let found, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(found == key)
  }

  @Test func aConfigurationIsCheckedWhereItIsUsed() {
    var config = WanVAEConfig.wan21
    config.zDim = 4
    #expect(throws: NetworkError.self) {
      try WanVAEDecoder(config, weights: RecordingTensorSource(), execution: Execution())
    }
    #expect(throws: NetworkError.self) {
      try WanVAEEncoder(config, weights: RecordingTensorSource(), execution: Execution())
    }
  }

  @Test func publishedKeys() throws {
    let text = """
      {"dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2,
       "temperal_downsample": [false, true, true], "kind": "vae"}
      """
    #expect(try JSONDecoder().decode(WanVAEConfig.self, from: Data(text.utf8)) == .wan21)
    let copy = try JSONDecoder().decode(
      WanVAEConfig.self, from: JSONEncoder().encode(WanVAEConfig.wan21))
    #expect(copy == .wan21)
    #expect(WanVAEConfig.wan21.latentsMean[15] == -0.2921)
    #expect(WanVAEConfig.wan21.latentsStd[15] == 1.916)
  }

  /// Statistics are published for 16 channels; latents of another width stay as they are.
  @Test func statisticsOfOtherWidths() throws {
    let narrow = try Self.config(8, z: 4, [1], blocks: 1, halvesTime: [])
    #expect(narrow.latentsMean == [0, 0, 0, 0])
    #expect(narrow.latentsStd == [1, 1, 1, 1])
    #expect(throws: NetworkError.self) {
      try WanVAEConfig(
        dim: 8, zDim: 4, dimMult: [1], numResBlocks: 1, temperalDownsample: [],
        latentsStd: [1, 2, 0, 1])
    }
    #expect(throws: NetworkError.self) {
      try WanVAEConfig(
        dim: 8, zDim: 4, dimMult: [1], numResBlocks: 1, temperalDownsample: [], latentsMean: [0])
    }
  }

  @Test func framesOfLatents() throws {
    let config = WanVAEConfig.wan21
    #expect((config.spatialFactor, config.temporalFactor) == (8, 4))
    #expect(try config.latentFrames(ofPixelFrames: 1) == 1)
    #expect(try config.latentFrames(ofPixelFrames: 201) == 51)
    #expect(config.pixelFrames(ofLatentFrames: 51) == 201)
    #expect(config.pixelFrames(ofLatentFrames: 0) == 0)
    for count in [0, -3, 2, 200] {
      #expect(throws: NetworkError.self) { try config.latentFrames(ofPixelFrames: count) }
    }
  }
}
