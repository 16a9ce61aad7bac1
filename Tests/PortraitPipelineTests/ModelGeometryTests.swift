import Checkpoints
import Foundation
import Layers
import PortraitPipeline
import TensorCore
import TestSupport
import Testing

@Suite struct ModelGeometryTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ text: String) throws -> ModelGeometry {
    try ModelGeometry.read(folder.write(Array(text.utf8), to: "g.json"))
  }

  @Test(arguments: ModelGeometry.named.map(\.name))
  func writtenAndReadAgain(name: String) throws {
    let geometry = try #require(ModelGeometry.named.first { $0.name == name }).geometry
    try geometry.validate()
    let text = try geometry.encoded()
    #expect(try read(String(decoding: text, as: UTF8.self)) == geometry)
    #expect(try geometry.encoded() == text)
  }

  /// What the networks claim is what their published files are recognised by.
  @Test(arguments: ModelGeometry.named.map(\.name), NetworkName.allCases)
  func declarationsAreThoseOfThePublishedFiles(name: String, network: NetworkName) throws {
    let geometry = try #require(ModelGeometry.named.first { $0.name == name }).geometry
    let declared = try geometry.declarations(of: network)
    #expect(Set(declared.map(\.name)).count == declared.count, "a name twice")
    let entries = declared.map { TensorEntry(name: $0.name, dtype: .bf16, shape: $0.shape) }
    let found = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(found.kind == network.kind)
    #expect(found.missing.isEmpty, "\(found.missing)")
    #expect(found.tensorCount == declared.count)
  }

  /// Parameters of the published networks, in millions: Wan2.1-I2V-14B has 16.4 billion with its image
  /// branch, the UMT5-XXL encoder 5.7, ViT-H/14 0.63, the VAE 0.127.
  @Test(arguments: [
    (NetworkName.transformer, 17_200.0...17_300.0), (.textEncoder, 5_670...5_690),
    (.imageEncoder, 630...632), (.vae, 126...127.5), (.portraitEncoder, 150...200),
  ])
  func publishedSizes(network: NetworkName, millions: ClosedRange<Double>) throws {
    let count = try ModelGeometry.wan14B.declarations(of: network)
      .reduce(0) { $0 + $1.shape.count }
    #expect(millions.contains(Double(count) / 1e6), "\(count)")
  }

  @Test func aFileChangesWhatItNames() throws {
    let geometry = try read(#"{"base": "14b", "transformer": {"num_layers": 4, "eps": 1e-5}}"#)
    var expected = ModelGeometry.wan14B
    expected.transformer.numLayers = 4
    expected.transformer.epsilon = 1e-5
    #expect(geometry == expected)
    #expect(try read("{}") == .wan14B)
    #expect(try read(#"{"base": "tiny"}"#) == .tiny)
    let deep = try read(
      #"{"base": "tiny", "vae": {"dim_mult": [1, 2, 2, 2]}, "portrait_encoder": {"mouth_proj_model": {"depth": 1}}}"#
    )
    #expect(deep.vae.dimMult == [1, 2, 2, 2] && deep.portraitEncoder.mouth.depth == 1)
    #expect(deep.portraitEncoder.emotion == ModelGeometry.tiny.portraitEncoder.emotion)
  }

  @Test(arguments: [
    ("nothing", "expected JSON, found a text that is none"),
    ("[1]", "expected an object with networks by name, found another value"),
    (#"{"base": "13b"}"#, "'base': expected 14b, 1.3b, tiny, found the text \"13b\""),
    (#"{"base": 14}"#, "'base': expected 14b, 1.3b, tiny, found 14"),
    (
      #"{"transformers": {}}"#,
      "no network has 'transformers'; did you mean 'transformer'?"
    ),
    (
      #"{"transformer": {"num_layer": 4}}"#,
      "no network has 'transformer.num_layer'; did you mean 'num_layers'?"
    ),
    (#"{"transformer": {"colour": 4}}"#, "no network has 'transformer.colour'"),
    (#"{"transformer": 4}"#, "'transformer': expected an object, found 4"),
    (
      #"{"transformer": {"num_layers": "four"}}"#,
      "'transformer.num_layers': expected a number, found the text \"four\""
    ),
    (
      #"{"transformer": {"num_layers": true}}"#,
      "'transformer.num_layers': expected a number, found true"
    ),
    (
      #"{"transformer": {"num_layers": null}}"#,
      "'transformer.num_layers': expected a number, found null"
    ),
    (#"{"vae": {"dim_mult": 3}}"#, "'vae.dim_mult': expected a list, found 3"),
    (
      #"{"vae": {"dim_mult": [1, "x"]}}"#,
      "'vae.dim_mult.1': expected a number, found the text \"x\""
    ),
    (
      #"{"transformer": {"num_layers": 4.5}}"#,
      "'transformer.num_layers': expected whole numbers of at most 18 digits, found 4.5"
    ),
    (
      #"{"vae": {"dim_mult": [1e40]}}"#,
      "'vae.dim_mult': expected whole numbers of at most 18 digits, found [1e+40]"
    ),
  ])
  func filesThatAreRefused(text: String, message: String) throws {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    #expect(error?.description == "\(folder.file("g.json")): \(message)")
  }

  @Test(arguments: [
    #"{"transformer": {"num_layers": 0}}"#, #"{"transformer": {"num_layers": 1048576}}"#,
    #"{"transformer": {"num_heads": 39}}"#,
    #"{"vae": {"dim": -1}}"#, #"{"text_encoder": {"num_heads": 7}}"#,
    #"{"image_encoder": {"patch_size": 15}}"#, #"{"motion_encoder": {"channels": 6}}"#,
    #"{"portrait_encoder": {"mouth_proj_model": {"output_dim": 5}}}"#,
  ])
  func sizesThatNoNetworkHas(text: String) {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    guard case .unusableSizes(folder.file("g.json"), .configuration)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: [
    (
      #"{"text_encoder": {"dim": 64}}"#,
      "'transformer.text_dim' is 4096, but 'text_encoder.dim' asks for 64"
    ),
    (
      #"{"transformer": {"image_dim": 640}}"#,
      "'transformer.image_dim' is 640, but 'image_encoder.dim' asks for 1280"
    ),
    (
      #"{"transformer": {"portrait_dim": 64}}"#,
      "'transformer.portrait_dim' is 64, but 'portrait_encoder.output_dim' asks for 2048"
    ),
    (
      #"{"transformer": {"out_dim": 8}}"#,
      "'transformer.out_dim' is 8, but 'vae.z_dim' asks for 16"
    ),
    (
      #"{"tiny_vae": {"latent_channels": 8}}"#,
      "'tiny_vae.latent_channels' is 8, but 'vae.z_dim' asks for 16"
    ),
    (
      #"{"transformer": {"in_dim": 32}}"#,
      "'transformer.in_dim' is 32, but 'vae (twice z_dim and a mask)' asks for 36"
    ),
    (
      #"{"motion_encoder": {"layout": {"emo": 31}}}"#,
      "'portrait_encoder.layout.emo' is 30, but 'motion_encoder.layout.emo' asks for 31"
    ),
  ])
  func networksThatDoNotFitTogether(text: String, message: String) {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    #expect(error?.description == "the networks do not fit together: \(message)")
  }

  @Test func filesThatAreNotThere() {
    let error = #expect(throws: PipelineError.self) {
      try ModelGeometry.read(folder.file("none.json"))
    }
    #expect(error?.description == "\(folder.file("none.json")): no such file")
    #expect(throws: PipelineError.self) { try ModelGeometry.read(folder.path) }
  }
}
