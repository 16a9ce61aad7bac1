import Foundation

/// The folder of checkpoints as it is downloaded.
package enum CheckpointLayout {
  /// When a job needs a file.
  package enum Need: String, Sendable, Codable {
    case always
    case fallback
    case acceleration

    /// Words for a list.
    package var description: String {
      switch self {
      case .always: "needed"
      case .fallback: "needed for what transformer.pt lacks"
      case .acceleration: "optional: faster jobs"
      }
    }
  }

  /// What a file of the layout is for.
  package enum Part: Sendable {
    case transformer, portraitEncoder, faceDetector, faceLandmarks, motionEncoder, tinyVAE, adapter
    case configuration, baseTransformer, textEncoder, imageEncoder, vae, tokenizer
  }

  /// One file of the layout.
  package struct Item: Sendable {
    package let part: Part

    /// Below the folder.
    package let path: String

    package let purpose: String
    package let need: Need

    /// What its tensors should be; nil for files without tensors.
    package let network: NetworkKind?

    /// Where the file lies below a folder: under its published name, or converted to safetensors,
    /// whole or in shards.
    ///
    /// - Returns: nil where there is none.
    package func location(in folder: String) -> String? {
      candidates.first { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    }

    /// Where the file lies below a folder that stands for the base's own.
    ///
    /// - Returns: nil where there is none, and for files that are not the base's.
    package func location(inBase folder: String) -> String? {
      candidates.filter { $0.hasPrefix("\(base)/") }.map { String($0.dropFirst(base.count + 1)) }
        .first { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    }

    private var candidates: [String] {
      if path.hasSuffix(".index.json") {
        return [path, String(path.dropLast(".index.json".count))]
      }
      let url = URL(fileURLWithPath: path)
      guard ["pt", "pth"].contains(url.pathExtension) else { return [path] }
      let stem = path.dropLast(url.pathExtension.count + 1)
      return [path, "\(stem).safetensors", "\(stem).safetensors.index.json"]
    }
  }

  private static let own = "FlashPortrait"

  /// The base's folder.
  package static let base = "Wan2.1-I2V-14B-720P"

  /// Sizes of the base transformer.
  package static let configuration = "\(base)/config.json"

  package static let tokenizer = "\(base)/google/umt5-xxl/spiece.model"

  /// Sizes of all networks; no published folder has it, and published sizes do not need it.
  package static let geometry = "\(own)/geometry.json"

  /// The file of a network, below the folder.
  package static func item(of network: NetworkKind) -> Item? {
    items.first { $0.network == network }
  }

  /// The file of a part, below the folder.
  package static func item(_ part: Part) -> Item {
    guard let item = items.first(where: { $0.part == part }) else {
      preconditionFailure("the layout has no file for \(part)")
    }
    return item
  }

  package static let items: [Item] = [
    Item(
      part: .transformer, path: "\(own)/transformer.pt", purpose: "transformer", need: .always,
      network: .flashPortraitTransformer),
    Item(
      part: .portraitEncoder, path: "\(own)/portrait_encoder.pt", purpose: "portrait encoder",
      need: .always,
      network: .portraitEncoder),
    Item(
      part: .faceDetector, path: "\(own)/face_det.onnx", purpose: "face detector", need: .always,
      network: nil),
    Item(
      part: .faceLandmarks, path: "\(own)/face_landmark.onnx", purpose: "face landmarks",
      need: .always, network: nil),
    Item(
      part: .motionEncoder, path: "\(own)/pd_fpg.pth", purpose: "motion encoder", need: .always,
      network: .motionEncoder),
    Item(
      part: .tinyVAE, path: "\(own)/fast_vae.pth", purpose: "tiny VAE", need: .acceleration,
      network: .tinyVAE),
    Item(
      part: .adapter, path: "\(own)/fast_lora_rank64.safetensors", purpose: "4-step LoRA",
      need: .acceleration,
      network: .adapter),
    Item(
      part: .configuration, path: configuration, purpose: "base configuration", need: .fallback,
      network: nil),
    Item(
      part: .baseTransformer, path: "\(base)/diffusion_pytorch_model.safetensors.index.json",
      purpose: "base transformer", need: .fallback, network: .wanTransformer),
    Item(
      part: .textEncoder, path: "\(base)/models_t5_umt5-xxl-enc-bf16.pth", purpose: "text encoder",
      need: .always,
      network: .textEncoder),
    Item(
      part: .imageEncoder, path: "\(base)/models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth",
      purpose: "image encoder", need: .always, network: .imageEncoder),
    Item(
      part: .vae, path: "\(base)/Wan2.1_VAE.pth", purpose: "VAE", need: .always, network: .wanVAE),
    Item(
      part: .tokenizer, path: tokenizer, purpose: "tokenizer", need: .always, network: nil),
  ]
}
