import Foundation
import Layers
import TensorCore
import TestSupport

/// Runs one golden case and returns what is wrong, a line for each tensor; empty where it passes.
///
/// A kind whose networks have a bf16 mode is run in both modes: `execution.arithmetic` says which. In
/// bf16 mode the tolerances of the file, which are meant for float32, do not apply.
typealias GoldenCheck = @Sendable (Golden, Execution) throws -> [String]

/// What the suite knows of a case kind.
enum GoldenKind: Sendable {
  /// Runs in float32 alone.
  case exact(GoldenCheck)
  /// Runs in float32 and in bf16.
  case network(GoldenCheck)
}

/// Every kind that can be run, by the name in a case's metadata.
let goldenKinds: [String: GoldenKind] = [:]

/// Kinds whose parts are not built yet, by the step that builds them.
let pendingGoldenKinds: [String: Int] = [
  "face_alignment": 3, "face_detector_postprocess": 3, "face_geometry": 3, "smoother": 3,
  "tracking": 3, "image_prep": 3,
  "condition_latents": 4, "windows": 4, "sampler": 4, "scheduler_dpm": 4, "scheduler_euler": 4,
  "scheduler_unipc": 4,
  "scheduler_distill": 5, "teacache": 5,
]
