import Checkpoints
import Foundation
import Layers
import PortraitModels
import PortraitPipeline
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct ModelFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func synthesise(
    _ geometry: ModelGeometry = .tiny, _ networks: Set<NetworkName> = Set(NetworkName.allCases)
  ) throws {
    try CheckpointSynthesis(
      SynthesisPlan(geometry, networks: networks), folder: folder.path, overwrites: false
    ).run { _ in }
  }

  private let transformerFile = "FlashPortrait/transformer.pt"
  private let base = "Wan2.1-I2V-14B-720P"

  private func remove(_ names: String...) throws {
    for name in names { try FileManager.default.removeItem(atPath: folder.file(name)) }
  }

  /// The tensors of a file of the folder, in memory.
  private func tensors(_ name: String) throws -> [(name: String, tensor: Tensor)] {
    let file = try Checkpoint.open(folder.file(name))
    return try file.entries.map { entry in
      (entry.name, try file.tensor(entry.name).converted(to: .f32).converted(to: entry.dtype))
    }
  }

  private func renamed(
    _ tensors: [(name: String, tensor: Tensor)], _ prefix: String
  ) -> [(name: String, tensor: Tensor)] {
    tensors.map { (prefix + $0.name, $0.tensor) }
  }

  private let execution = Execution(arithmetic: .f32)

  @Test func everyNetworkLoads() throws {
    try synthesise()
    let models = try ModelFolder(folder.path)
    let tiny = ModelGeometry.tiny
    #expect(models.geometry == tiny)
    #expect(try models.transformer(execution: execution).config == tiny.transformer)
    #expect(try models.portraitEncoder(execution: execution).config == tiny.portraitEncoder)
    #expect(try models.motionEncoder(execution: execution).config == tiny.motionEncoder)
    #expect(try models.textEncoder(execution: execution).config == tiny.textEncoder)
    #expect(try models.imageEncoder(execution: execution).config == tiny.imageEncoder)
    #expect(try models.vae(execution: execution).config == tiny.vae)
    #expect(try models.vaeEncoder(execution: execution).config == tiny.vae)
    #expect(try models.vaeDecoder(execution: execution).config == tiny.vae)
    #expect(try models.tinyVAEDecoder(execution: execution).config == tiny.tinyVAE)
    #expect(try models.tinyVAEEncoder(execution: execution).config == tiny.tinyVAE)
    let tokenizer = try models.tokenizer()
    #expect(tokenizer.pieceCount <= tiny.textEncoder.vocabularySize)
  }

  /// A velocity of a network, for a comparison bit by bit.
  private func velocity(_ network: Transformer) throws -> [Float] {
    let config = network.config
    func noise(_ name: String, _ shape: Shape) throws -> Tensor {
      try ProceduralWeights.noise(name, shape: shape, scale: 1)
    }
    let grid = try network.grid(latents: [16, 2, 4, 4])
    let branch = GuidanceBranch(
      text: try network.textContext(noise("text", [7, config.textDim])),
      image: try network.imageContext(noise("image", [257, config.imageDim])),
      portrait: try network.portraitContext(noise("portrait", [2, 97, config.portraitDim])),
      expressionScale: 1)
    return try network(
      noise("latents", [16, 2, 4, 4]), condition: noise("condition", [20, 2, 4, 4]),
      timestep: 900, grid: grid, branches: [branch])[0].floats()
  }

  @Test func baseAndOverlayAreOneNetwork() throws {
    try synthesise(.tiny, [.transformer])
    let loaded = try ModelFolder(folder.path).transformer(execution: execution)
    let made = try Transformer(
      ModelGeometry.tiny.transformer, weights: ProceduralTensorSource(dtype: .bf16),
      execution: execution)
    let expected = try velocity(made)
    #expect(try velocity(loaded).elementsEqual(expected))
    // Its weights read from disk again and again give the same.
    let streamed = try ModelFolder(folder.path).transformer(
      execution: execution, residency: .streamed(keeping: 0))
    #expect(try velocity(streamed).elementsEqual(expected))
  }

  @Test func theOverlayOverridesTheBase() throws {
    try synthesise(.tiny, [.transformer])
    let name = "blocks.1.ffn.0.weight"
    let shape: Shape = [256, 96]
    let other = try ProceduralWeights.noise("other", shape: shape, scale: 0.2, dtype: .bf16)
    try PyTorchWriter.write(
      tensors(transformerFile) + [(name, other)], to: folder.file(transformerFile))
    let before = try velocity(
      Transformer(
        ModelGeometry.tiny.transformer, weights: ProceduralTensorSource(dtype: .bf16),
        execution: execution))
    let after = try velocity(ModelFolder(folder.path).transformer(execution: execution))
    #expect(!after.elementsEqual(before))
  }

  @Test(arguments: ["", "module.", "transformer3d."])
  func aWholeTransformerNeedsNoBase(prefix: String) throws {
    try synthesise(.tiny, [.transformer])
    let expected = try velocity(ModelFolder(folder.path).transformer(execution: execution))
    let whole =
      try tensors("\(base)/diffusion_pytorch_model.safetensors.index.json")
      + tensors(transformerFile)
    try PyTorchWriter.write(renamed(whole, prefix), to: folder.file(transformerFile))
    // A base that is damaged does not matter then.
    try remove("\(base)/diffusion_pytorch_model-00001-of-00003.safetensors", "\(base)/config.json")
    let loaded = try ModelFolder(folder.path).transformer(execution: execution)
    #expect(try velocity(loaded).elementsEqual(expected))
  }

  @Test func convertedFilesWillDo() throws {
    try synthesise()
    for name in ["FlashPortrait/transformer.pt", "\(base)/Wan2.1_VAE.pth"] {
      let stem = name.split(separator: ".").dropLast().joined(separator: ".")
      try SafetensorsWriter.write(tensors(name), to: folder.file("\(stem).safetensors"))
      try remove(name)
    }
    let index = "\(base)/diffusion_pytorch_model.safetensors.index.json"
    try SafetensorsWriter.write(
      tensors(index), to: folder.file("\(base)/diffusion_pytorch_model.safetensors"))
    try remove(index)
    let models = try ModelFolder(folder.path)
    #expect(try models.transformer(execution: execution).config.numLayers == 3)
    _ = try models.vae(execution: execution)
  }

  /// Sizes of a folder without our mark: all from the tensors, heads as wide as published.
  @Test func sizesComeFromTheTensors() throws {
    var geometry = ModelGeometry.tiny
    geometry.transformer.dim = 256
    geometry.transformer.numHeads = 2
    geometry.imageEncoder.dim = 160
    geometry.imageEncoder.numHeads = 2
    // Of what tensors do not tell, nothing is used but by the whole CLIP.
    geometry.imageEncoder.outDim = ModelGeometry.wan14B.imageEncoder.outDim
    geometry.transformer.imageDim = 160
    (geometry.portraitEncoder.mouth.dimHead, geometry.portraitEncoder.mouth.heads) = (64, 2)
    (geometry.portraitEncoder.emotion.dimHead, geometry.portraitEncoder.emotion.heads) = (64, 1)
    try synthesise(geometry)
    try remove(CheckpointLayout.geometry, CheckpointLayout.configuration)
    let models = try ModelFolder(folder.path)
    #expect(models.geometry == nil)
    #expect(try models.transformer(execution: execution).config == geometry.transformer)
    #expect(try models.portraitEncoder(execution: execution).config == geometry.portraitEncoder)
    #expect(try models.motionEncoder(execution: execution).config == geometry.motionEncoder)
    #expect(try models.textEncoder(execution: execution).config == geometry.textEncoder)
    #expect(try models.imageEncoder(execution: execution).config == geometry.imageEncoder)
    #expect(try models.vae(execution: execution).config == geometry.vae)
    #expect(try models.tinyVAEDecoder(execution: execution).config == geometry.tinyVAE)
  }

  @Test func whatPublishedFilesHoldBesidesIsIgnored() throws {
    try synthesise()
    func extend(_ name: String, _ more: [String]) throws {
      let one = try Tensor([1, 2], shape: [2])
      try PyTorchWriter.write(tensors(name) + more.map { ($0, one) }, to: folder.file(name))
    }
    try extend(
      "\(base)/models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth",
      [
        "log_scale", "textual.token_embedding.weight", "textual.blocks.0.attn.q.weight",
        "visual.post_norm.weight", "visual.post_norm.bias", "visual.head",
      ])
    try extend(
      "FlashPortrait/pd_fpg.pth", ["mouth_embed.1.weight", "model.bn1.num_batches_tracked"])
    let models = try ModelFolder(folder.path)
    _ = try models.imageEncoder(execution: execution)
    _ = try models.motionEncoder(execution: execution)
    try extend("\(base)/Wan2.1_VAE.pth", ["encoder.conv9.weight"])
    let error = #expect(throws: CheckpointError.self) { try models.vae(execution: execution) }
    #expect("\(String(describing: error))".contains("encoder.conv9.weight"))
  }

  @Test func otherNetworksAreRefused() throws {
    try synthesise(.tiny, [.vae, .textEncoder])
    let path = folder.file("\(base)/Wan2.1_VAE.pth")
    try PyTorchWriter.write(tensors("\(base)/models_t5_umt5-xxl-enc-bf16.pth"), to: path)
    let models = try ModelFolder(folder.path)
    #expect(
      throws: PipelineError.otherNetwork(
        path: path, expected: "Wan VAE", found: "UMT5 text encoder")
    ) { try models.vae(execution: execution) }
  }

  @Test func impossibleSizesNameTheirFile() throws {
    try synthesise(.tiny, [.transformer, .vae])
    try remove(CheckpointLayout.geometry)
    let configuration = folder.file(CheckpointLayout.configuration)
    try Data(#"{"num_heads": 7}"#.utf8).write(to: URL(fileURLWithPath: configuration))
    let models = try ModelFolder(folder.path)
    let heads = #expect(throws: PipelineError.self) { try models.transformer() }
    #expect(heads?.description.hasPrefix("\(configuration): transformer: ") == true)
    let file = folder.file("\(base)/Wan2.1_VAE.pth")
    try PyTorchWriter.write(
      tensors("\(base)/Wan2.1_VAE.pth").filter { $0.0 != "conv2.weight" }, to: file)
    let vae = #expect(throws: PipelineError.self) { try models.vae() }
    #expect(vae?.description.hasPrefix("\(file): video autoencoder: 'z_dim' is unknown") == true)
  }

  @Test func whatIsMissingIsNamed() throws {
    try synthesise(.tiny, [.transformer])
    let models = try ModelFolder(folder.path)
    let vae = #expect(throws: CheckpointError.self) { try models.vae() }
    #expect(
      vae?.description
        == "\(folder.file("\(base)/Wan2.1_VAE.pth")): no such file; it holds the VAE")
    #expect(throws: CheckpointError.self) { try models.tokenizer() }
    try remove("\(base)/diffusion_pytorch_model.safetensors.index.json")
    let half = #expect(throws: CheckpointError.self) { try models.transformer() }
    #expect(half?.description.contains("119 tensors missing, 0 of another shape") == true)
    #expect(throws: CheckpointError.self) { try ModelFolder(folder.file("nothing")) }
  }
}
