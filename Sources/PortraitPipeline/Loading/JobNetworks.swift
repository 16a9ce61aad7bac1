import Layers
import PortraitModels
import TensorCore
import WanModels

/// The networks of a job, or of several in a row: in full-load mode each is loaded once, else anew
/// for every use, so that one large network is in memory at a time.
package final class JobNetworks {
  package let models: ModelFolder
  package let context: ComputeContext

  private var mode = MemoryMode.modelCPUOffload
  private var arithmetic = Arithmetic.bf16
  /// Memory that is left for weights that are read block by block.
  private var streamedBytes = 0
  private var held: [NetworkName: Any] = [:]

  package init(_ models: ModelFolder, context: ComputeContext = .shared) {
    self.models = models
    self.context = context
  }

  var execution: Execution { Execution(arithmetic: arithmetic, context: context) }

  /// The arithmetic of the networks that are loaded from now on.
  func use(_ arithmetic: Arithmetic) {
    if arithmetic != self.arithmetic { held = [:] }
    self.arithmetic = arithmetic
  }

  /// How networks are loaded from now on; those that were loaded otherwise are let go.
  ///
  /// - Parameter streamedBytes: of blocks that may stay in the file cache when a network is read
  ///   block by block.
  func use(_ mode: MemoryMode, streamedBytes: Int) {
    if mode != self.mode { held = [:] }
    self.mode = mode
    self.streamedBytes = streamedBytes
  }

  func transformer() throws -> Transformer {
    try network(.transformer) {
      try models.transformer(
        execution: execution,
        residency: mode == .sequentialCPUOffload ? .streamed(keeping: streamedBytes) : .resident)
    }
  }

  func portraitEncoder() throws -> PortraitEncoder {
    try network(.portraitEncoder) { try models.portraitEncoder(execution: execution) }
  }

  func textEncoder() throws -> TextEncoder {
    try network(.textEncoder) { try models.textEncoder(execution: execution) }
  }

  func imageEncoder() throws -> ImageEncoder {
    try network(.imageEncoder) { try models.imageEncoder(execution: execution) }
  }

  func vaeEncoder() throws -> WanVAEEncoder { try models.vaeEncoder(execution: execution) }

  func vaeDecoder() throws -> WanVAEDecoder {
    try network(.vae) { try models.vaeDecoder(execution: execution) }
  }

  func tinyVAEDecoder() throws -> TinyVAEDecoder {
    try network(.tinyVAE) { try models.tinyVAEDecoder(execution: execution) }
  }

  private func network<Network>(_ name: NetworkName, load: () throws -> Network) throws -> Network {
    if let known = held[name] as? Network { return known }
    let network = try load()
    if mode == .modelFullLoad { held[name] = network }
    return network
  }
}
