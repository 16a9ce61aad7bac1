/// The networks whose checkpoints this program knows by their tensors' names.
package enum NetworkKind: String, CaseIterable, Sendable, Codable {
  case flashPortraitTransformer = "flashportrait-transformer"
  case wanTransformer = "wan-transformer"
  case portraitEncoder = "portrait-encoder"
  case wanVAE = "wan-vae"
  case tinyVAE = "tiny-vae"
  case textEncoder = "umt5-encoder"
  case imageEncoder = "clip-visual"
  case motionEncoder = "pd-fgc"
  case adapter = "lora"

  /// What people call it.
  package var title: String {
    switch self {
    case .flashPortraitTransformer: "FlashPortrait transformer"
    case .wanTransformer: "Wan transformer"
    case .portraitEncoder: "portrait encoder"
    case .wanVAE: "Wan VAE"
    case .tinyVAE: "tiny VAE"
    case .textEncoder: "UMT5 text encoder"
    case .imageEncoder: "CLIP image encoder"
    case .motionEncoder: "PD-FGC motion encoder"
    case .adapter: "LoRA adapter"
    }
  }
}

/// A size that was read from tensor shapes: "layers" 40, "dim" 5120.
package struct GeometryItem: Sendable, Equatable, Codable {
  package let name: String
  package let value: Int
}

/// A network found among tensors, with what is absent of it.
package struct RecognisedNetwork: Sendable, Equatable {
  package let kind: NetworkKind

  /// What stands before the network's own names: "", "model.", "transformer3d." ...
  package let prefix: String

  package let geometry: [GeometryItem]

  /// Tensors and bytes that belong to it.
  package let tensorCount: Int
  package let byteCount: Int

  /// Names, without the prefix, that the network needs and the checkpoint lacks.
  package let missing: [String]

  /// A size by its name.
  package subscript(geometry name: String) -> Int? {
    geometry.first { $0.name == name }?.value
  }

  /// `missing` with whole absent groups in one line: "blocks.3.* (27 tensors)".
  package var missingSummary: [String] {
    var groups: [(key: String, names: [String])] = []
    for name in missing {
      let key = Self.groupKey(name)
      if let last = groups.last, last.key == key {
        groups[groups.count - 1].names.append(name)
      } else {
        groups.append((key, [name]))
      }
    }
    return groups.map { group in
      group.names.count == 1
        ? group.names[0] : "\(group.key).* (\(group.names.count) tensors)"
    }
  }

  /// The name up to its first number (the block that a tensor is part of), else to its last dot.
  private static func groupKey(_ name: String) -> String {
    let parts = name.split(separator: ".")
    let end = parts.firstIndex { Int($0) != nil }.map { $0 + 1 } ?? max(1, parts.count - 1)
    return parts.prefix(end).joined(separator: ".")
  }
}
