import Checkpoints

extension ImageEncoder {
  /// What stands before the tower's names in the published checkpoint, which also holds the text
  /// tower (`textual.`) and the `log_scale`.
  package static let checkpointPrefix = "visual."

  /// The tower's tensors of the published checkpoint, their prefix taken off; the others take no
  /// part.
  package static func origin(_ file: any TensorFile) -> WeightOrigin {
    WeightOrigin(
      file, replacing: [.init(checkpointPrefix, with: "")], selecting: [checkpointPrefix])
  }

  /// Tensors of the tower that are not used: the norm and the projection after its last block.
  package static let ignoredTensors = ["head", "post_norm.*"]
}
