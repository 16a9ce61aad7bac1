import Checkpoints
import Foundation
import TensorCore

extension JobRun {
  /// Shows how far the latents have come: by the fast decoder where the folder has one, else by a map
  /// that the job's own picture tells. nil where nobody asked.
  ///
  /// - Parameter condition: `[20, frames, h, w]`: four channels of the mask, then the latents of the
  ///   picture in the first frame.
  func preview(_ condition: Tensor) throws -> LatentPreview? {
    guard job.request.previewInterval != nil else { return nil }
    if networks.models.has(.tinyVAE) {
      return LatentPreview(.tiny(try networks.tinyVAEDecoder()), on: networks.context)
    }
    let shape = condition.shape
    let latents = try condition.sliced(4..<shape[0]).sliced(0..<1, axis: 1)
      .reshaped([shape[0] - 4, shape[2], shape[3]])
    return LatentPreview(
      .linear(
        try LatentColors(latents: latents, picture: job.inputs.picture, on: networks.context)),
      on: networks.context)
  }

  /// Writes the preview of a step.
  ///
  /// - Parameter latents: an estimate of the clean ones.
  func show(_ latents: Tensor, step: Int, _ preview: LatentPreview) throws {
    let path = folder.file(String(format: "preview-step-%03d.png", step))
    try preview.write(latents: latents, step: step, to: path)
    try report(.preview(path: path))
  }
}
