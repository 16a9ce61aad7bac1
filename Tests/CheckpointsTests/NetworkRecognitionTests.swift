import Checkpoints
import TensorCore
import Testing

@Suite struct NetworkRecognitionTests {
  private func entry(_ name: String, _ shape: Shape) -> TensorEntry {
    TensorEntry(name: name, dtype: .bf16, shape: shape)
  }

  /// The names of the published transformer, written out here a second time.
  private func transformer(
    layers: Int, dim: Int = 256, expression: Bool = true, prefix: String = ""
  ) -> [TensorEntry] {
    var entries = [entry("patch_embedding.weight", [dim, 36, 1, 2, 2])]
    let linears = [
      "text_embedding.0": [dim, 4096], "text_embedding.2": [dim, dim],
      "time_embedding.0": [dim, 256], "time_embedding.2": [dim, dim],
      "time_projection.1": [6 * dim, dim], "img_emb.proj.0": [1280],
      "img_emb.proj.1": [1280, 1280], "img_emb.proj.3": [dim, 1280], "img_emb.proj.4": [dim],
      "head.head": [64, dim],
    ]
    for (name, axes) in linears {
      entries.append(entry("\(name).weight", Shape(axes)))
      entries.append(entry("\(name).bias", Shape([axes[0]])))
    }
    entries += [
      entry("patch_embedding.bias", [dim]), entry("head.modulation", [1, 2, dim]),
    ]
    for layer in 0..<layers { entries += block("blocks.\(layer)", dim, expression) }
    return entries.map { entry(prefix + $0.name, $0.shape) }
  }

  private func block(_ name: String, _ dim: Int, _ expression: Bool) -> [TensorEntry] {
    var entries = [
      entry("\(name).modulation", [1, 6, dim]), entry("\(name).norm3.weight", [dim]),
      entry("\(name).norm3.bias", [dim]), entry("\(name).ffn.0.weight", [2 * dim, dim]),
      entry("\(name).ffn.0.bias", [2 * dim]), entry("\(name).ffn.2.weight", [dim, 2 * dim]),
      entry("\(name).ffn.2.bias", [dim]),
    ]
    let linears = ["q", "k", "v", "o"]
    for attention in [("self_attn", linears), ("cross_attn", linears + ["k_img", "v_img"])] {
      for linear in attention.1 {
        entries.append(entry("\(name).\(attention.0).\(linear).weight", [dim, dim]))
        entries.append(entry("\(name).\(attention.0).\(linear).bias", [dim]))
      }
      for norm in ["norm_q", "norm_k"] {
        entries.append(entry("\(name).\(attention.0).\(norm).weight", [dim]))
      }
    }
    entries.append(entry("\(name).cross_attn.norm_k_img.weight", [dim]))
    if expression {
      for linear in ["emo_k_proj", "emo_v_proj"] {
        entries.append(entry("\(name).cross_attn.\(linear).weight", [dim, 2048]))
      }
    }
    return entries
  }

  @Test func wholeTransformer() throws {
    let network = try #require(NetworkRecognition.networks(in: transformer(layers: 3)).first)
    #expect(network.kind == .flashPortraitTransformer)
    #expect(network.missing.isEmpty, "\(network.missing)")
    #expect(network[geometry: "layers"] == 3)
    #expect(network[geometry: "dim"] == 256)
    #expect(network[geometry: "ffn_dim"] == 512)
    #expect(network[geometry: "heads"] == 2)
    #expect(network[geometry: "in_dim"] == 36)
    #expect(network[geometry: "out_dim"] == 16)
    #expect(network[geometry: "text_dim"] == 4096)
    #expect(network[geometry: "expression_dim"] == 2048)
  }

  @Test func withoutExpressionItIsWan() throws {
    let network = try #require(
      NetworkRecognition.networks(in: transformer(layers: 2, expression: false)).first)
    #expect(network.kind == .wanTransformer && network.missing.isEmpty)
  }

  @Test func absentBlockIsNamedOnce() throws {
    let entries = transformer(layers: 3).filter { !$0.name.hasPrefix("blocks.1.") }
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network.missing.count == 34)
    #expect(network.missingSummary == ["blocks.1.* (34 tensors)"])
  }

  @Test func prefixAndBundle() throws {
    let prefixed = transformer(layers: 1, prefix: "model.")
    #expect(NetworkRecognition.networks(in: prefixed).first?.prefix == "model.")
    let encoder = [
      entry("portrait_encoder.proj_model.norm.weight", [2048]),
      entry("portrait_encoder.proj_model.norm.bias", [2048]),
      entry("portrait_encoder.mouth_proj_model.latents", [1, 16, 1280]),
    ]
    let bundle = transformer(layers: 1, prefix: "transformer3d.") + encoder
    let networks = NetworkRecognition.networks(in: bundle)
    #expect(networks.map(\.kind) == [.flashPortraitTransformer, .portraitEncoder])
    #expect(networks.map(\.prefix) == ["transformer3d.", "portrait_encoder."])
    #expect(networks.last?[geometry: "mouth_queries"] == 16)
    #expect(networks.last?.missing.contains("proj_model.eye_proj.weight") == true)
  }

  @Test func smallNetworksByTheirNames() {
    let cases: [(NetworkKind, [TensorEntry])] = [
      (
        .textEncoder,
        [
          entry("token_embedding.weight", [200, 32]), entry("norm.weight", [32]),
          entry("blocks.0.ffn.gate.0.weight", [64, 32]),
          entry("blocks.0.pos_embedding.embedding.weight", [32, 4]),
        ]
      ),
      (
        .imageEncoder,
        [
          entry("visual.patch_embedding.weight", [32, 3, 14, 14]),
          entry("visual.transformer.0.attn.to_qkv.weight", [96, 32]),
          entry("textual.blocks.0.attn.q.weight", [32, 32]),
        ]
      ),
      (
        .wanVAE,
        [
          entry("encoder.conv1.weight", [96, 3, 3, 3, 3]),
          entry("encoder.downsamples.0.residual.0.gamma", [96, 1, 1, 1]),
          entry("decoder.upsamples.3.resample.1.weight", [192, 384, 3, 3]),
        ]
      ),
      (
        .tinyVAE,
        [
          entry("decoder.1.weight", [256, 16, 3, 3]),
          entry("decoder.3.conv.0.weight", [256, 512, 3, 3]), entry("decoder.22.bias", [3]),
        ]
      ),
      (
        .motionEncoder,
        [
          entry("model.conv1.weight", [64, 3, 7, 7]), entry("to_headpose.0.weight", [512, 512]),
          entry("mouth_embed.1.weight", [512, 512]), entry("to_mouth.0.weight", [512, 512]),
        ]
      ),
      (
        .adapter,
        [
          entry("lora_unet__blocks_0_self_attn_q.lora_down.weight", [4, 32]),
          entry("lora_unet__blocks_0_self_attn_q.lora_up.weight", [32, 4]),
        ]
      ),
    ]
    for (kind, entries) in cases {
      #expect(NetworkRecognition.networks(in: entries).map(\.kind) == [kind])
    }
  }

  @Test func strangersAreNotRecognised() {
    #expect(NetworkRecognition.networks(in: []).isEmpty)
    let resnet = (0..<50).map { entry("layer1.\($0).conv1.weight", [64, 64, 3, 3]) }
    #expect(NetworkRecognition.networks(in: resnet + [entry("norm.weight", [64])]).isEmpty)
  }

  @Test func absurdNumbersAreBounded() throws {
    let entries =
      transformer(layers: 1) + [
        entry("blocks.99999999999999999999.modulation", [1, 6, 8]),
        entry("blocks.4000000000.modulation", [1, 6, 8]), entry("blocks..modulation", []),
      ]
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network[geometry: "layers"] == 10_000)
  }
}
