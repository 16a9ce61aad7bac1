import Checkpoints
import Layers
import TensorCore
import TestSupport
import WanModels

/// Relative root-mean-square error that bf16 may have: 1.5 times that of PyTorch in bfloat16, which is
/// 1.06e-2 for the worst output of the golden (scripts/reference/check_tiny_vae.py).
private let bf16Bound = 1.6e-2

/// The tiny video autoencoder: whole clips, clips in pieces, clips whose normalisation is undone,
/// and the encoder.
@Sendable func checkTinyVAE(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let config = try golden.configuration(as: TinyVAEConfig.self)
  let source = ProceduralTensorSource(on: execution.context)
  func difference(_ got: Tensor, _ name: String) throws -> String? {
    try golden.difference(got, from: name, execution, relativeError: bf16Bound)
  }
  var differences: [String?] = []
  let decoder = try TinyVAEDecoder(config, weights: source, execution: execution)
  for input in golden.inputNames(prefix: "input.latents_") {
    let item = input.dropFirst("input.latents_".count)
    let latents = try withoutBatch(golden.input(input))
    for (name, pixels) in [
      ("parallel", { try decoder(latents) }),
      ("sequential", { try inPieces(latents, decoder) }),
      ("scaled", { try decoder(latents, undoing: .wan21) }),
    ] where golden.has("output.decoded_\(name)_\(item)") {
      differences.append(
        try difference(pixels().permuted([3, 0, 1, 2]), "output.decoded_\(name)_\(item)"))
    }
  }
  let videos = golden.inputNames(prefix: "input.video_")
  if videos.isEmpty { return differences.compactMap(\.self) }
  let encoder = try TinyVAEEncoder(config, weights: source, execution: execution)
  for input in videos {
    // [frames, channels, rows, columns] in 0 ... 1.
    let video = try withoutBatch(golden.input(input)).permuted([0, 2, 3, 1])
    let latents = try encoder(video.affine(scale: 2, shift: -1))
    let name = "output.encoded_" + input.dropFirst("input.video_".count)
    guard golden.has(name) else { continue }
    differences.append(try difference(latents.permuted([1, 0, 2, 3]), name))
  }
  return differences.compactMap(\.self)
}

private func withoutBatch(_ tensor: Tensor) throws -> Tensor {
  try tensor.reshaped(Shape(Array(tensor.shape.axes.dropFirst())))
}

/// Decodes one latent frame at a time.
private func inPieces(_ latents: Tensor, _ decoder: TinyVAEDecoder) throws -> Tensor {
  var session = try decoder.session(rows: latents.shape[2], columns: latents.shape[3])
  let pieces = try (0..<latents.shape[1]).map {
    try session.decode(latents.sliced($0..<$0 + 1, axis: 1))
  }
  let frames = pieces.reduce(0) { $0 + $1.shape[0] }
  return try Tensor(
    pieces.flatMap { try $0.floats() }, shape: Shape([frames] + pieces[0].shape.axes.dropFirst()))
}
