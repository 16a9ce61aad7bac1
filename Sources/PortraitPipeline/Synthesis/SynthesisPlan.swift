import Checkpoints
import Foundation
import TensorCore
import WanModels

/// The files of a procedural checkpoint folder: decided in full before the first byte.
package struct SynthesisPlan: Sendable {
  /// One file of the folder.
  package struct File: Sendable {
    /// Below the folder.
    package let path: String
    let content: Content
    /// Its exact size.
    package let byteCount: Int
  }

  enum Content: Sendable {
    case pyTorch([TensorEntry])
    case safetensors([TensorEntry])
    case data(Data)
  }

  /// In the order of writing: what marks the folder as synthetic comes first, an index after its
  /// shards.
  package let files: [File]

  /// Bytes of the shards that the published base comes in.
  private static let shardLimit = 5_000_000_000

  /// - Parameters:
  ///   - networks: which of them to write; the marks are written in any case.
  ///   - faces: likewise of the face networks.
  ///   - adapter: whether to write the 4-step LoRA.
  /// - Throws: `NetworkError` and `PipelineError` for a geometry that no network can have.
  package init(
    _ geometry: ModelGeometry, networks: Set<NetworkName>, faces: Set<FaceNetworkName> = [],
    adapter: Bool = false
  ) throws {
    try geometry.validate()
    var files = [
      Self.file(CheckpointLayout.geometry, try geometry.encoded()),
      Self.file("README.md", Data(SynthesisText.readme(geometry).utf8)),
    ]
    for network in NetworkName.allCases where networks.contains(network) {
      let entries = try Self.entries(of: network, geometry)
      switch network {
      case .transformer: files += try Self.transformer(entries, geometry)
      case .textEncoder:
        files.append(try Self.pyTorch(.textEncoder, entries))
        files.append(try Self.tokenizer(geometry.textEncoder))
      default: files.append(try Self.pyTorch(network.kind, entries))
      }
    }
    if adapter {
      let base = try Self.entries(of: .transformer, geometry).filter { !Self.isExpression($0) }
      files.append(
        try Self.safetensors(
          CheckpointLayout.item(.adapter).path,
          SyntheticAdapter.entries(for: base, geometry.transformer)))
    }
    for face in FaceNetworkName.allCases where faces.contains(face) {
      files.append(
        Self.file(
          CheckpointLayout.item(face.part).path, try SyntheticFaceNetworks.file(of: face)))
    }
    self.files = files
  }

  package var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  // MARK: Files

  private static func file(_ path: String, _ data: Data) -> File {
    File(path: path, content: .data(data), byteCount: data.count)
  }

  private static func path(of kind: NetworkKind) -> String {
    guard let item = CheckpointLayout.item(of: kind) else {
      preconditionFailure("the layout has no file for the \(kind.title)")
    }
    return item.path
  }

  private static func pyTorch(_ kind: NetworkKind, _ entries: [TensorEntry]) throws -> File {
    let path = path(of: kind)
    return File(
      path: path, content: .pyTorch(entries),
      byteCount: try PyTorchWriter.byteCount(path: path, entries: entries))
  }

  private static func safetensors(_ path: String, _ entries: [TensorEntry]) throws -> File {
    File(
      path: path, content: .safetensors(entries),
      byteCount: try SafetensorsWriter.byteCount(
        path: path, entries: entries, metadata: CheckpointSynthesis.metadata))
  }

  private static func isExpression(_ entry: TensorEntry) -> Bool {
    entry.name.contains(".cross_attn.emo_")
  }

  /// The base in shards holds all that Wan's transformer has, the overlay nothing but the
  /// expression branch: together they are one network, and no tensor is on disk twice.
  private static func transformer(
    _ entries: [TensorEntry], _ geometry: ModelGeometry
  ) throws -> [File] {
    let base = entries.filter { !isExpression($0) }
    let total = base.reduce(0) { $0 + $1.byteCount }
    let indexPath = path(of: .wanTransformer)
    let stem = String(indexPath.dropLast(".safetensors.index.json".count))
    // A small one is cut too: whoever reads it meets what the published folder has.
    let shards = Shards.cut(base, limit: min(shardLimit, total / 2 + 1), byteCount: \.byteCount)
    var files = [try pyTorch(.flashPortraitTransformer, entries.filter(isExpression))]
    var index: [(name: String, entries: [TensorEntry])] = []
    for (number, entries) in shards.enumerated() {
      let path = Shards.name(stem, index: number, of: shards.count)
      index.append((URL(fileURLWithPath: path).lastPathComponent, entries))
      files.append(try safetensors(path, entries))
    }
    files.append(file(indexPath, try ShardIndexWriter(index).encoded()))
    files.append(
      file(CheckpointLayout.configuration, try SynthesisText.configuration(geometry.transformer)))
    return files
  }

  private static func tokenizer(_ config: TextEncoderConfig) throws -> File {
    let bytes = try SyntheticTokenizer.modelBytes(vocabularySize: config.vocabularySize)
    return file(CheckpointLayout.tokenizer, Data(bytes))
  }

  // MARK: Tensors

  /// What a network declares, in the type that its published file has.
  private static func entries(
    of network: NetworkName, _ geometry: ModelGeometry
  ) throws -> [TensorEntry] {
    try geometry.declarations(of: network).map { tensor in
      TensorEntry(name: tensor.name, dtype: network.publishedType, shape: tensor.shape)
    }
  }
}

extension NetworkName {
  /// Element type of the published weights.
  fileprivate var publishedType: DType {
    switch self {
    case .transformer, .portraitEncoder, .textEncoder: .bf16
    case .imageEncoder, .tinyVAE: .f16
    case .vae, .motionEncoder: .f32
    }
  }
}
