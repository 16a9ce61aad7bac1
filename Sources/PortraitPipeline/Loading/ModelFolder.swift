import Checkpoints
import Foundation
import Layers
import PortraitModels
import TensorCore
import WanModels

/// A folder of checkpoints in the published layout, from which the networks of a job are loaded: as
/// downloaded, converted to safetensors, or made by `synthesize`.
///
/// Sizes are read from the tensors. What these do not tell (heads) is as published, unless the
/// folder has a `FlashPortrait/geometry.json`: then all sizes are those.
package struct ModelFolder: Sendable {
  package let path: String

  /// Files that were given singly; they win over the folder's.
  private let files: [CheckpointLayout.Part: String]

  /// What is merged into the weights, in this order.
  package let adapters: [ModelAdapter]

  /// What the folder says of its sizes; nil where it is downloaded.
  package let geometry: ModelGeometry?

  /// - Parameters:
  ///   - files: given singly; they win over the folder's, which need not be there then.
  ///   - adapters: merged into the weights of transformer and text encoder as they are used, in this
  ///     order; the files are left alone.
  /// - Throws: `CheckpointError.unreadable` where there is no such folder; `PipelineError` for a
  ///   geometry that no network can have.
  package init(
    _ path: String, files: [CheckpointLayout.Part: String] = [:], adapters: [ModelAdapter] = []
  ) throws {
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard isThere ? isFolder.boolValue : !files.isEmpty else {
      throw CheckpointError.unreadable(path: path, reason: "no such folder")
    }
    self.path = path
    self.files = files
    self.adapters = adapters
    let file = "\(path)/\(CheckpointLayout.geometry)"
    geometry =
      FileManager.default.fileExists(atPath: file) ? try ModelGeometry.read(file) : nil
  }

  // MARK: Networks

  /// The transformer: what `transformer.pt` lacks comes from the base.
  ///
  /// - Parameter residency: whether the weights stay in memory; nil: where they fit.
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func transformer(
    execution: Execution = Execution(), residency: WeightResidency? = nil
  ) throws -> Transformer {
    try load(.transformer) { loader, files in
      let config = try transformerConfig(loader.shapes)
      let bytes = files.flatMap(\.entries).reduce(0) { $0 + $1.byteCount }
      return try Transformer(
        config, weights: loader,
        merged: merged(loader, .transformer, on: execution.context), execution: execution,
        residency: residency ?? .automatic(weights: bytes))
    }
  }

  /// Bytes of a network's weights in its files, adapters included.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func weightBytes(of name: NetworkName) throws -> Int {
    let files = try files(of: name) + adapterFiles(of: name)
    return files.flatMap(\.entries).reduce(0) { $0 + $1.byteCount }
  }

  private var configurationPath: String {
    files[.configuration] ?? "\(path)/\(CheckpointLayout.configuration)"
  }

  private func transformerConfig(_ shapes: NamedShapes) throws -> TransformerConfig {
    let file = configurationPath
    if FileManager.default.fileExists(atPath: file) {
      return try PipelineError.naming(file) {
        try TransformerConfig(shapes: shapes, file: contents(of: file))
      }
    }
    return try geometry?.transformer ?? TransformerConfig(shapes: shapes)
  }

  /// The portrait encoder.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func portraitEncoder(execution: Execution = Execution()) throws -> PortraitEncoder {
    try load(.portraitEncoder) { loader, _ in
      try PortraitEncoder(
        geometry?.portraitEncoder ?? PortraitEncoderConfig(shapes: loader.shapes),
        weights: loader, execution: execution)
    }
  }

  /// The motion encoder.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func motionEncoder(execution: Execution = Execution()) throws -> MotionEncoder {
    try load(.motionEncoder, ignoring: MotionEncoder.ignoredTensors) { loader, _ in
      try MotionEncoder(
        geometry?.motionEncoder ?? MotionEncoderConfig(shapes: loader.shapes), weights: loader,
        execution: execution)
    }
  }

  /// The network that finds faces.
  ///
  /// - Throws: `CheckpointError`, `ONNXError`, `FaceError.network`.
  package func faceDetector(execution: Execution = Execution()) throws -> FaceDetectorNetwork {
    try FaceDetectorNetwork(
      contentsOf: location(of: CheckpointLayout.item(.faceDetector)), context: execution.context)
  }

  /// The network that finds a face's landmarks.
  ///
  /// - Throws: `CheckpointError`, `ONNXError`, `FaceError.network`.
  package func faceLandmarks(execution: Execution = Execution()) throws -> LandmarkNetwork {
    try LandmarkNetwork(
      contentsOf: location(of: CheckpointLayout.item(.faceLandmarks)), context: execution.context)
  }

  /// The text encoder, whose weights are read from disk as they are used.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func textEncoder(execution: Execution = Execution()) throws -> TextEncoder {
    try load(.textEncoder) { loader, _ in
      try TextEncoder(
        geometry?.textEncoder ?? TextEncoderConfig(shapes: loader.shapes), weights: loader,
        merged: merged(loader, .textEncoder, on: execution.context), execution: execution)
    }
  }

  /// The text encoder's tokenizer.
  ///
  /// - Throws: `CheckpointError.unreadable`, `.malformed`.
  package func tokenizer() throws -> Tokenizer {
    try Tokenizer(path: location(of: CheckpointLayout.item(.tokenizer)))
  }

  /// The image encoder.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func imageEncoder(execution: Execution = Execution()) throws -> ImageEncoder {
    try load(.imageEncoder, ignoring: ImageEncoder.ignoredTensors) { loader, _ in
      try ImageEncoder(
        geometry?.imageEncoder ?? ImageEncoderConfig(shapes: loader.shapes), weights: loader,
        execution: execution)
    }
  }

  /// Both halves of the video autoencoder.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func vae(execution: Execution = Execution()) throws -> WanVAE {
    try load(.vae) { loader, _ in
      try WanVAE(vaeConfig(loader.shapes), weights: loader, execution: execution)
    }
  }

  /// The half of the video autoencoder that turns pixels into latents.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func vaeEncoder(execution: Execution = Execution()) throws -> WanVAEEncoder {
    try load(.vae, ignoring: WanVAEDecoder.tensorNames) { loader, _ in
      try WanVAEEncoder(vaeConfig(loader.shapes), weights: loader, execution: execution)
    }
  }

  /// The half of the video autoencoder that turns latents into pixels.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func vaeDecoder(execution: Execution = Execution()) throws -> WanVAEDecoder {
    try load(.vae, ignoring: WanVAEEncoder.tensorNames) { loader, _ in
      try WanVAEDecoder(vaeConfig(loader.shapes), weights: loader, execution: execution)
    }
  }

  private func vaeConfig(_ shapes: NamedShapes) throws -> WanVAEConfig {
    try geometry?.vae ?? WanVAEConfig(shapes: shapes)
  }

  /// The half of the tiny autoencoder that turns latents into pixels.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func tinyVAEDecoder(execution: Execution = Execution()) throws -> TinyVAEDecoder {
    try load(.tinyVAE, ignoring: TinyVAEEncoder.tensorNames) { loader, _ in
      try TinyVAEDecoder(tinyVAEConfig(loader.shapes), weights: loader, execution: execution)
    }
  }

  /// The half of the tiny autoencoder that turns pixels into latents.
  ///
  /// - Throws: `CheckpointError`; `PipelineError`, also where the file has no encoder.
  package func tinyVAEEncoder(execution: Execution = Execution()) throws -> TinyVAEEncoder {
    try load(.tinyVAE, ignoring: TinyVAEDecoder.tensorNames) { loader, _ in
      try TinyVAEEncoder(tinyVAEConfig(loader.shapes), weights: loader, execution: execution)
    }
  }

  private func tinyVAEConfig(_ shapes: NamedShapes) throws -> TinyVAEConfig {
    try geometry?.tinyVAE ?? TinyVAEConfig(shapes: shapes)
  }

  // MARK: Files

  /// The paths of all files that a network is made from, shards and configurations too.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func paths(of name: NetworkName) throws -> [String] {
    let files = try files(of: name).flatMap { ($0 as? ShardedCheckpoint)?.shardPaths ?? [$0.path] }
    let others = ["\(path)/\(CheckpointLayout.geometry)", configurationPath]
      .filter { FileManager.default.fileExists(atPath: $0) }
    return files + others + (name == .textEncoder ? [try path(of: .tokenizer)] : [])
  }

  /// Whether a part is there.
  package func has(_ part: CheckpointLayout.Part) -> Bool {
    files[part] != nil || CheckpointLayout.item(part).location(in: path) != nil
  }

  /// Where a part lies.
  ///
  /// - Throws: `CheckpointError.unreadable` where it is not there.
  package func path(of part: CheckpointLayout.Part) throws -> String {
    try location(of: CheckpointLayout.item(part))
  }

  /// The opened files that a network is made from.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func files(of name: NetworkName) throws -> [any TensorFile] {
    try origins(of: name).map(\.file)
  }

  /// Builds a network from its files and makes sure that all their tensors fit.
  private func load<Network>(
    _ name: NetworkName, ignoring: [String] = [],
    _ build: (WeightLoader, [any TensorFile]) throws -> Network
  ) throws -> Network {
    let origins = try origins(of: name)
    let loader = try loader(name, origins, ignoring: ignoring)
    let network = try PipelineError.naming(origins[origins.count - 1].file.path) {
      try build(loader, origins.map(\.file))
    }
    try loader.finish()
    return network
  }

  /// The tensors of a network's files.
  func loader(_ name: NetworkName) throws -> WeightLoader {
    try loader(name, origins(of: name))
  }

  private func loader(
    _ name: NetworkName, _ origins: [WeightOrigin], ignoring: [String] = []
  ) throws -> WeightLoader {
    try WeightLoader(network: name.kind.title, origins: origins, ignoring: ignoring)
  }

  private func origins(of name: NetworkName) throws -> [WeightOrigin] {
    let file = try Checkpoint.open(location(of: name.kind))
    let network = try recognised(in: file, as: name)
    let own = WeightOrigin(file, network: network, part: name.checkpointPrefix)
    guard name == .transformer, network?.missing.isEmpty != true,
      let base = files[.baseTransformer]
        ?? CheckpointLayout.item(.baseTransformer).location(in: path).map({ "\(path)/\($0)" })
    else { return [own] }
    let baseFile = try Checkpoint.open(base)
    let baseNetwork = try recognised(in: baseFile, as: name)
    return [WeightOrigin(baseFile, network: baseNetwork, part: ""), own]
  }

  /// - Throws: `CheckpointError.unreadable` where the folder lacks the file.
  private func location(of kind: NetworkKind) throws -> String {
    guard let item = CheckpointLayout.item(of: kind) else {
      preconditionFailure("the layout has no file for the \(kind.title)")
    }
    return try location(of: item)
  }

  private func location(of item: CheckpointLayout.Item) throws -> String {
    if let file = files[item.part] { return file }
    guard let location = item.location(in: path) else {
      throw CheckpointError.unreadable(
        path: "\(path)/\(item.path)", reason: "no such file; it holds the \(item.purpose)")
    }
    return "\(path)/\(location)"
  }

  /// What recognition makes of a file; nil where it knows none of the names.
  ///
  /// - Throws: `PipelineError.otherNetwork` where it holds another network.
  private func recognised(
    in file: any TensorFile, as name: NetworkName
  ) throws -> RecognisedNetwork? {
    let networks = NetworkRecognition.networks(in: file.entries)
    let kinds = name == .transformer ? [name.kind, .wanTransformer] : [name.kind]
    guard let network = networks.first(where: { kinds.contains($0.kind) }) ?? networks.first else {
      return nil
    }
    guard kinds.contains(network.kind) else {
      throw PipelineError.otherNetwork(
        path: file.path, expected: name.kind.title, found: network.kind.title)
    }
    return network
  }

  private func contents(of path: String) throws -> Data {
    do { return try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw CheckpointError.unreadable(path: path, reason: "cannot be read")
    }
  }
}

extension NetworkName {
  /// What stands before a network's names in its published checkpoint, which holds others too.
  fileprivate var checkpointPrefix: String {
    self == .imageEncoder ? ImageEncoder.checkpointPrefix : ""
  }
}

extension WeightOrigin {
  /// A file whose tensors lose the prefix that recognition found, and that of the network as a part
  /// of the file; of several networks in it those of one take part.
  fileprivate init(_ file: any TensorFile, network: RecognisedNetwork?, part: String) {
    let found = network?.prefix ?? ""
    let isOneOfSeveral = NetworkRecognition.bundlePrefixes.contains(found) || !part.isEmpty
    self.init(
      file, stripping: [found + part].filter { !$0.isEmpty },
      selecting: isOneOfSeveral ? [found + part] : [])
  }
}
