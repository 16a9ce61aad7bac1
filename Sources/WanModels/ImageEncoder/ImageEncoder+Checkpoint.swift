extension ImageEncoder {
  /// What stands before the tower's names in the published checkpoint, which also holds the text
  /// tower (`textual.`) and the `log_scale`.
  package static let checkpointPrefix = "visual."

  /// Tensors of the tower that are not used: the norm and the projection after its last block.
  package static let ignoredTensors = ["head", "post_norm.*"]
}
