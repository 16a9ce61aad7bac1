import Checkpoints
import Layers
import PortraitModels
import TensorCore
import TestSupport

/// Relative error in bf16 of one part of the features: 1.5 times that of PyTorch in bfloat16, which is
/// 0.6e-2 to 2.9e-2 over fifteen crops, the largest for one that is white all over
/// (scripts/reference/check_expression.py).
private let bf16Bound = 4.3e-2

/// The motion encoder on aligned crops.
@Sendable func checkMotionEncoder(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let encoder = try MotionEncoder(
    .published,
    weights: ProceduralTensorSource(dtype: execution.activationType, on: execution.context),
    execution: execution)
  let numbers = golden.names(prefix: "input.bgr_").map { $0.dropFirst("input.bgr_".count) }
  var differences: [String?] = []
  for number in numbers {
    let crop = try golden.input("input.bgr_\(number)")
    let features = try encoder(bgr: crop.reshaped(Shape([1] + crop.shape.axes))) { stage, state in
      guard execution.arithmetic == .f32 else { return }
      let name =
        switch stage {
        case .pixels: "state.pixels"
        case .quarter: "state.conv4"
        case .hourglass: "state.hourglass"
        case .features: "state.features"
        }
      let planes =
        state.shape.rank == 4
        ? try state.reshaped(Shape(Array(state.shape.axes.dropFirst()))).channelsFirst() : state
      guard golden.has("\(name)_\(number)") else { return }
      differences.append(try golden.difference(planes, from: "\(name)_\(number)"))
    }
    for part in ExpressionLayout.Part.allCases
    where golden.has("output.\(part.rawValue)_\(number)") {
      let values = try features.sliced(encoder.config.layout[part], axis: 1).contiguous()
      differences.append(
        try golden.difference(
          values, from: "output.\(part.rawValue)_\(number)", execution, relativeError: bf16Bound))
    }
  }
  return differences.compactMap(\.self)
}
