import Foundation
import Layers
import TensorCore
import TestSupport

/// Runs one golden case and returns what is wrong, a line for each tensor; empty where it passes.
///
/// In float32 every `output.*` and `state.*` of the case has to be compared, which the suite checks.
/// A kind whose networks have a bf16 mode is run in both modes: `execution.arithmetic` says which.
/// In bf16 mode every `output.*` has to be compared; the tolerances of the file, which are meant for
/// float32, do not apply there.
typealias GoldenCheck = @Sendable (Golden, Execution) throws -> [String]

/// What the suite knows of a case kind.
enum GoldenKind: Sendable {
  /// Runs in float32 alone.
  case exact(GoldenCheck)
  /// Runs in float32 and in bf16.
  case network(GoldenCheck)

  var check: GoldenCheck {
    switch self {
    case .exact(let check), .network(let check): check
    }
  }

  var arithmetics: [Arithmetic] {
    switch self {
    case .exact: [.f32]
    case .network: [.f32, .bf16]
    }
  }
}

/// Every kind that can be run, by the name in a case's metadata.
let goldenKinds: [String: GoldenKind] = [
  "clip_preprocess": .exact(checkImagePreprocessing),
  "clip_visual": .network(checkImageEncoder),
  "condition_latents": .network(checkConditionLatents),
  "cpu_normal": .exact(checkNormalNumbers),
  "dit": .network(checkTransformer),
  "face_alignment": .exact(checkFaceAlignment),
  "face_detector_postprocess": .exact(checkFaceDetector),
  "face_geometry": .exact(checkFaceGeometry),
  "image_prep": .exact(checkReferencePicture),
  "kohya_lora": .exact(checkKohyaAdapter),
  "multi_proj": .network(checkFourWayProjection),
  "pdfgc": .network(checkMotionEncoder),
  "picture_resize": .exact(checkResizedPictures),
  "picture_warp": .exact(checkWarpedPictures),
  "portrait_encoder": .network(checkPortraitEncoder),
  "procedural": .exact(checkProceduralWeights),
  "resampler": .network(checkResampler),
  "sampler": .network(checkSampler),
  "scheduler_distill": .exact(checkSchedule),
  "scheduler_dpm": .exact(checkSchedule),
  "scheduler_euler": .exact(checkSchedule),
  "scheduler_unipc": .exact(checkSchedule),
  "smoother": .exact(checkSmoother),
  "step_distill_lora": .exact(checkStepDistillation),
  "still": .exact(checkStillPictures),
  "teacache": .network(checkTeaCache),
  "tiny_vae": .network(checkTinyVAE),
  "token_split": .exact(checkPortraitTokenSplit),
  "tracking": .exact(checkFaceTracking),
  "umt5": .network(checkTextEncoder),
  "vae": .network(checkWanVAE),
  "vae_tiled": .network(checkWanVAE),
  "windows": .exact(checkContextWindows),
]

/// Kinds whose parts are not built yet, by the step that builds them.
let pendingGoldenKinds: [String: Int] = [:]

extension Golden {
  /// Compares by the case's tolerance in float32, else by a bound of the relative error.
  func difference(
    _ got: Tensor, from name: String, _ execution: Execution, relativeError bound: Double
  ) throws -> String? {
    execution.arithmetic == .f32
      ? try difference(got, from: name) : try difference(got, from: name, relativeError: bound)
  }
}
