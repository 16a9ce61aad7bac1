import Checkpoints

extension ConfigurationKeys {
  /// The mappings of the published configuration.
  ///
  /// Sizes of networks are checked for their kind alone: the checkpoints tell them.
  static let sections: [(name: String, keys: [ConfigurationKey])] = [
    ("transformer_additional_kwargs", transformer), ("vae_kwargs", vae),
    ("tiny_vae_kwargs", tinyVAE), ("text_encoder_kwargs", textEncoder),
    ("image_encoder_kwargs", [subpath("image_encoder_subpath", [.imageEncoder])]),
    ("scheduler_kwargs", scheduler), ("step_distill_kwargs", distillation),
  ]

  private static let transformer: [ConfigurationKey] = [
    subpath("transformer_subpath", [.configuration, .baseTransformer]),
    // How the published code translates `config.json`.
    .unused("dict_mapping") { for (_, value) in try $0.members() { _ = try value.text() } },
  ]

  private static let vae: [ConfigurationKey] = [
    subpath("vae_subpath", [.vae]),
    whole("temporal_compression_ratio", is: 4, because: "4, which the VAE has"),
    whole("spatial_compression_ratio", is: 8, because: "8, which the VAE has"),
    .flag("use_tiling_vae", to: \.tilesVAE),
    whole("tile_sample_min_height", is: 256, because: "256, which tiles have"),
    whole("tile_sample_min_width", is: 256, because: "256, which tiles have"),
    whole("tile_sample_stride_height", is: 192, because: "192, which tiles have"),
    whole("tile_sample_stride_width", is: 192, because: "192, which tiles have"),
  ]

  private static let tinyVAE: [ConfigurationKey] = [
    .flag("use_tiny_vae", to: \.usesTinyVAE),
    ConfigurationKey(["tiny_vae_path"], isOfNetworks: true) { configuration, value in
      configuration.networkFiles[.tinyVAE] = JobConfiguration.NamedFile(
        path: try value.path(), key: value.key ?? "tiny_vae_path", place: value.place)
    },
    .unused("tiny_vae_parallel") { _ = try $0.flag() },
    .fixed(
      "tiny_vae_need_scaled", [("true", true), ("false", false)], is: false,
      because: "false: the tiny VAE takes the latents as they are"),
  ]

  private static let textEncoder: [ConfigurationKey] =
    [
      subpath("text_encoder_subpath", [.textEncoder]),
      subpath("tokenizer_subpath", [.tokenizer]),
      .fixed(
        "shared_pos", [("true", true), ("false", false)], is: false,
        because: "false: UMT5 has positions of its own in every block"),
      .unused("dropout") { _ = try $0.number(0...1) },
    ]
    + [
      "text_length", "vocab", "dim", "dim_attn", "dim_ffn", "num_heads", "num_layers",
      "num_buckets",
    ].map { name in ConfigurationKey.unused(name) { _ = try $0.whole(1...Int.max) } }

  private static let scheduler: [ConfigurationKey] =
    [
      ConfigurationKey(["scheduler_subpath"]) { _, value in
        throw value.refusal("nothing: the schedule comes from the values below")
      },
      whole("num_train_timesteps", is: 1000, because: "1000, which the model was trained with"),
      shift("shift"),
      .fixed(
        "use_dynamic_shifting", [("true", true), ("false", false)], is: false,
        because: "false: 'shift' holds for every size"),
    ]
    + ["base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len"].map { name in
      ConfigurationKey.unused(name) { _ = try $0.number(0...1e9) }
    }

  // MARK: Keys

  /// A file or folder below the base's folder. The published one is left to the layout, which also
  /// finds it converted.
  private static func subpath(
    _ name: String, _ parts: [CheckpointLayout.Part]
  ) -> ConfigurationKey {
    ConfigurationKey([name], isOfNetworks: true) { configuration, value in
      let names = try value.text().split(separator: "/").filter { $0 != "." }
      guard !names.contains("..") else { throw value.refusal("a path below the model's folder") }
      for part in parts {
        let published = CheckpointLayout.item(part).path.split(separator: "/").dropFirst()
        let folder = published.dropLast()
        guard names != Array(published), names != Array(folder) else { continue }
        configuration.subpaths[part] = JobConfiguration.NamedFile(
          path: names.joined(separator: "/"), key: value.key ?? name, place: value.place)
      }
    }
  }

  private static func whole(
    _ name: String, is only: Int, because reason: String
  ) -> ConfigurationKey {
    ConfigurationKey([name]) { _, value in
      guard try value.whole(0...Int.max) == only else { throw value.refusal(reason) }
    }
  }
}
