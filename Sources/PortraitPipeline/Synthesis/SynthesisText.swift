import Foundation
import WanModels

/// What a procedural checkpoint folder holds beside tensors.
enum SynthesisText {
  /// The folder's README.md.
  static func readme(_ geometry: ModelGeometry) -> String {
    """
    # A procedural checkpoint folder

    Nothing in this folder is trained. `flashportrait synthesize` made every weight from its name and
    shape by a formula, so that speed, memory and whole jobs can be tried without a download: what
    comes out is noise, not a portrait.

    The face networks (`face_det.onnx`, `face_landmark.onnx`) are not made of weights at all: they answer
    the same whatever they see, one face in the middle of any picture, drawn by formulas. A job with
    them runs from end to end, but the driving video's face moves nothing.

    The layout is that of the published files, with two differences:

    * `FlashPortrait/transformer.pt` holds the expression branch alone (`emo_k_proj`, `emo_v_proj`);
      the rest of the transformer is in the base's shards, which it overrides where both have a tensor.
    * `FlashPortrait/geometry.json` has the sizes of all networks, among them those that tensors do
      not tell (heads). `flashportrait synthesize --geometry` reads it too.

    The LoRA, `FlashPortrait/fast_lora_rank64.safetensors`, has pairs for all matrices of the base and
    differences of its other weights. It changes the matrices by a tenth and makes nothing take fewer steps.

    """
  }

  /// The transformer's `config.json`, with the keys of the published one and those of its sizes that
  /// the published one leaves to the tensors.
  static func configuration(_ config: TransformerConfig) throws -> Data {
    guard case .object(var members) = try JSONValue(encoding: config) else {
      preconditionFailure("a configuration is an object")
    }
    members["_class_name"] = .string("WanModel")
    members["model_type"] = .string("i2v")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(JSONValue.object(members)) + Data("\n".utf8)
  }
}
