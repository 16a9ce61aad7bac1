/// The tensor names of a network's published checkpoint.
struct NetworkNames {
  /// Names that the network cannot run without.
  var required: [String] = []

  /// Names that published files hold and this program has no use for.
  var optional: [String] = []

  /// The names of a network with that many layers; nil where names do not follow from the count
  /// alone (adapters).
  init?(_ kind: NetworkKind, layers: Int) {
    switch kind {
    case .flashPortraitTransformer: required = Self.transformer(layers: layers, expression: true)
    case .wanTransformer: required = Self.transformer(layers: layers, expression: false)
    case .portraitEncoder: required = Self.portraitEncoder(layers: layers)
    case .wanVAE: required = Self.wanVAE()
    case .tinyVAE:
      required = Self.tinyDecoder()
      optional = Self.tinyEncoder()
    case .textEncoder: required = Self.textEncoder(layers: layers)
    case .imageEncoder:
      required = Self.imageEncoder(layers: layers)
      optional = ["visual.head", "visual.post_norm.weight", "visual.post_norm.bias"]
    case .motionEncoder:
      required = Self.motionEncoder()
      optional = Self.motionEncoderSpares()
    case .adapter: return nil
    }
  }

  private static func affine(_ names: [String]) -> [String] {
    names.flatMap { ["\($0).weight", "\($0).bias"] }
  }

  private static func weights(_ names: [String]) -> [String] { names.map { "\($0).weight" } }

  private static func blocks(
    _ group: String, _ layers: Int, _ names: [String]
  ) -> [String] {
    (0..<layers).flatMap { layer in names.map { "\(group).\(layer).\($0)" } }
  }

  // MARK: Transformer

  private static func transformer(layers: Int, expression: Bool) -> [String] {
    let attention = affine(["q", "k", "v", "o"]) + weights(["norm_q", "norm_k"])
    let cross =
      attention + affine(["k_img", "v_img"]) + weights(["norm_k_img"])
      + (expression ? weights(["emo_k_proj", "emo_v_proj"]) : [])
    let block =
      ["modulation"] + attention.map { "self_attn.\($0)" } + affine(["norm3"])
      + cross.map { "cross_attn.\($0)" } + affine(["ffn.0", "ffn.2"])
    return affine([
      "patch_embedding", "text_embedding.0", "text_embedding.2", "time_embedding.0",
      "time_embedding.2", "time_projection.1", "img_emb.proj.0", "img_emb.proj.1",
      "img_emb.proj.3", "img_emb.proj.4",
    ]) + blocks("blocks", layers, block) + ["head.modulation"] + affine(["head.head"])
  }

  // MARK: Portrait encoder

  private static func portraitEncoder(layers: Int) -> [String] {
    let projections =
      weights(["headpose_proj", "eye_proj", "emo_proj", "mouth_proj"]) + affine(["norm"])
    let layer =
      affine(["0.norm1", "0.norm2"]) + weights(["0.to_q", "0.to_kv", "0.to_out"])
      + affine(["1.0"]) + weights(["1.1", "1.3"])
    let resampler =
      ["latents"] + affine(["proj_in"]) + blocks("layers", layers, layer)
      + affine(["proj_out", "norm_out"])
    return projections.map { "proj_model.\($0)" }
      + resampler.map { "mouth_proj_model.\($0)" } + resampler.map { "emo_proj_model.\($0)" }
  }

  // MARK: Encoders of text and picture

  private static func textEncoder(layers: Int) -> [String] {
    let block = weights([
      "norm1", "attn.q", "attn.k", "attn.v", "attn.o", "norm2", "ffn.gate.0", "ffn.fc1",
      "ffn.fc2", "pos_embedding.embedding",
    ])
    return weights(["token_embedding"]) + blocks("blocks", layers, block) + weights(["norm"])
  }

  private static func imageEncoder(layers: Int) -> [String] {
    let block = affine(["norm1", "attn.to_qkv", "attn.proj", "norm2", "mlp.0", "mlp.2"])
    let outside =
      ["cls_embedding", "pos_embedding", "patch_embedding.weight"] + affine(["pre_norm"])
    return (outside + blocks("transformer", layers, block)).map { "visual.\($0)" }
  }

  // MARK: Motion encoder

  /// PD-FGC's four heads.
  private static let motionHeads = ["headpose", "eye", "emo", "mouth"]

  /// Blocks of PD-FGC's `FAN_use`; those named here change the number of channels.
  private static let motionBlocks: [(name: String, changesChannels: Bool)] =
    [("model.conv2", true), ("model.conv3", false), ("model.conv4", true)]
    + (1...4).flatMap { level in (1...3).map { ("model.m0.b\($0)_\(level)", false) } }
    + [("model.m0.b2_plus_1", false), ("model.top_m_0", false)]

  private static let motionNorms: [String] =
    ["model.bn1", "model.bn_end0", "model.bn5"] + motionHeads.map { "to_\($0).2" }
    + motionBlocks.flatMap { block in
      (1...3).map { "\(block.name).bn\($0)" }
        + (block.changesChannels ? ["\(block.name).downsample.0"] : [])
    }

  private static func motionEncoder() -> [String] {
    let convolutions = motionBlocks.flatMap { block in
      (1...3).map { "\(block.name).conv\($0)" }
        + (block.changesChannels ? ["\(block.name).downsample.2"] : [])
    }
    let outside = ["conv1", "conv_last0", "l0", "conv6", "fc"].map { "model.\($0)" }
    let linears = motionHeads.flatMap { ["to_\($0).0", "to_\($0).3"] }
    let embeddings = motionHeads.filter { $0 != "mouth" }.map { "\($0)_embed.1" }
    return affine(outside) + weights(convolutions) + affine(linears + embeddings)
      + affine(motionNorms) + motionNorms.flatMap { ["\($0).running_mean", "\($0).running_var"] }
  }

  private static func motionEncoderSpares() -> [String] {
    affine(["mouth_embed.1"]) + motionNorms.map { "\($0).num_batches_tracked" }
  }

  // MARK: Autoencoders

  /// Wan's `WanVAE_` with its published structure; only the widths vary.
  private static func wanVAE() -> [String] {
    let widths = [1, 2, 4, 4]
    let down = stages(
      "encoder.downsamples", inputs: [1] + widths.dropLast(), outputs: widths, blocks: 2,
      timed: [false, true, true])
    let up = stages(
      "decoder.upsamples", inputs: [4, 2, 2, 1], outputs: widths.reversed(), blocks: 3,
      timed: [true, true, false])
    return half("encoder", stages: down) + half("decoder", stages: up) + affine(["conv1", "conv2"])
  }

  /// The encoder or the decoder around its stages.
  private static func half(_ name: String, stages: [String]) -> [String] {
    var names = affine(["\(name).conv1"]) + stages
    names += residual("\(name).middle.0", shortcut: false)
    names += ["\(name).middle.1.norm.gamma"]
    names += affine(["\(name).middle.1.to_qkv", "\(name).middle.1.proj"])
    names += residual("\(name).middle.2", shortcut: false)
    return names + ["\(name).head.0.gamma"] + affine(["\(name).head.2"])
  }

  private static func residual(_ name: String, shortcut: Bool) -> [String] {
    ["\(name).residual.0.gamma"] + affine(["\(name).residual.2"])
      + ["\(name).residual.3.gamma"] + affine(["\(name).residual.6"])
      + (shortcut ? affine(["\(name).shortcut"]) : [])
  }

  /// Residual blocks and a change of size for each level, numbered through.
  private static func stages(
    _ group: String, inputs: [Int], outputs: [Int], blocks: Int, timed: [Bool]
  ) -> [String] {
    var names: [String] = []
    var number = 0
    for (level, (input, output)) in zip(inputs, outputs).enumerated() {
      for block in 0..<blocks {
        names += residual("\(group).\(number)", shortcut: block == 0 && input != output)
        number += 1
      }
      guard level < timed.count else { continue }
      names += affine(["\(group).\(number).resample.1"])
      if timed[level] { names += affine(["\(group).\(number).time_conv"]) }
      number += 1
    }
    return names
  }

  private static func tinyDecoder() -> [String] {
    var names = affine(["decoder.1"])
    for first in [3, 9, 15] {
      names += memoryBlocks("decoder", first)
      names += weights(["decoder.\(first + 4).conv", "decoder.\(first + 5)"])
    }
    return names + affine(["decoder.22"])
  }

  private static func tinyEncoder() -> [String] {
    var names = affine(["encoder.0"])
    for first in [2, 7, 12] {
      names += weights(["encoder.\(first).conv", "encoder.\(first + 1)"])
      names += memoryBlocks("encoder", first + 2)
    }
    return names + affine(["encoder.17"])
  }

  /// Three memory blocks of three convolutions each.
  private static func memoryBlocks(_ half: String, _ first: Int) -> [String] {
    affine(
      (first..<first + 3).flatMap { block in
        [0, 2, 4].map { "\(half).\(block).conv.\($0)" }
      })
  }
}
