import TensorCore

extension NamedShapes {
  /// The shapes of a file's tensors, without the network's prefix in their names.
  init(_ entries: [TensorEntry], prefix: String) {
    self.init(entries.map { (String($0.name.dropFirst(prefix.count)), $0.shape) })
  }
}

/// Reads a network's sizes from the shapes of its tensors.
enum NetworkGeometry {
  static func layerCount(of kind: NetworkKind, in tensors: NamedShapes) -> Int {
    switch kind {
    case .flashPortraitTransformer, .wanTransformer, .textEncoder: tensors.count(of: "blocks")
    case .imageEncoder: tensors.count(of: "visual.transformer")
    case .portraitEncoder:
      max(
        tensors.count(of: "mouth_proj_model.layers"), tensors.count(of: "emo_proj_model.layers"))
    case .wanVAE, .tinyVAE, .motionEncoder, .adapter: 0
    }
  }

  /// Sizes that the shapes tell; what lies in absent tensors is left out.
  static func items(of kind: NetworkKind, in tensors: NamedShapes) -> [GeometryItem] {
    let sizes: [(String, Int?)] =
      switch kind {
      case .flashPortraitTransformer, .wanTransformer: transformer(tensors)
      case .portraitEncoder: portraitEncoder(tensors)
      case .wanVAE:
        [
          ("dim", tensors.size("encoder.conv1.weight", axis: 0)),
          ("latent_channels", tensors.size("conv2.weight", axis: 0)),
        ]
      case .tinyVAE:
        [
          ("decoder_width", tensors.size("decoder.1.weight", axis: 0)),
          ("latent_channels", tensors.size("decoder.1.weight", axis: 1)),
        ]
      case .textEncoder: textEncoder(tensors)
      case .imageEncoder: imageEncoder(tensors)
      case .motionEncoder:
        [
          ("channels", tensors.size("model.conv_last0.weight", axis: 0)),
          ("features", tensors.size("model.fc.weight", axis: 0)),
        ]
      case .adapter: []
      }
    let layers = layerCount(of: kind, in: tensors)
    let items = sizes.compactMap { name, value in value.map { GeometryItem(name: name, value: $0) }
    }
    return layers > 0 ? [GeometryItem(name: "layers", value: layers)] + items : items
  }

  private static func transformer(_ tensors: NamedShapes) -> [(String, Int?)] {
    let dim =
      tensors.size("patch_embedding.weight", axis: 0)
      ?? tensors.anySize(endingIn: ".self_attn.q.weight", axis: 0)
    let patch = tensors.size("head.head.weight", axis: 0)
    return [
      ("dim", dim),
      ("ffn_dim", tensors.anySize(endingIn: ".ffn.0.weight", axis: 0)),
      // Every published Wan transformer has heads of 128; shapes do not tell.
      ("heads", dim.flatMap { $0 % 128 == 0 ? $0 / 128 : nil }),
      ("in_dim", tensors.size("patch_embedding.weight", axis: 1)),
      ("out_dim", patch.map { $0 / 4 }),
      ("text_dim", tensors.size("text_embedding.0.weight", axis: 1)),
      ("freq_dim", tensors.size("time_embedding.0.weight", axis: 1)),
      ("expression_dim", tensors.anySize(endingIn: ".emo_k_proj.weight", axis: 1)),
    ]
  }

  private static func portraitEncoder(_ tensors: NamedShapes) -> [(String, Int?)] {
    [
      ("output_dim", tensors.size("proj_model.norm.weight", axis: 0)),
      ("dim", tensors.size("mouth_proj_model.latents", axis: 2)),
      ("mouth_queries", tensors.size("mouth_proj_model.latents", axis: 1)),
      ("emotion_queries", tensors.size("emo_proj_model.latents", axis: 1)),
    ]
  }

  private static func textEncoder(_ tensors: NamedShapes) -> [(String, Int?)] {
    [
      ("dim", tensors.size("token_embedding.weight", axis: 1)),
      ("ffn_dim", tensors.anySize(endingIn: ".ffn.fc1.weight", axis: 0)),
      ("heads", tensors.anySize(endingIn: ".pos_embedding.embedding.weight", axis: 1)),
      ("buckets", tensors.anySize(endingIn: ".pos_embedding.embedding.weight", axis: 0)),
      ("vocabulary", tensors.size("token_embedding.weight", axis: 0)),
    ]
  }

  private static func imageEncoder(_ tensors: NamedShapes) -> [(String, Int?)] {
    [
      ("dim", tensors.size("visual.patch_embedding.weight", axis: 0)),
      ("patch", tensors.size("visual.patch_embedding.weight", axis: 2)),
      ("tokens", tensors.size("visual.pos_embedding", axis: 1)),
      ("mlp_dim", tensors.anySize(endingIn: ".mlp.0.weight", axis: 0)),
    ]
  }
}
