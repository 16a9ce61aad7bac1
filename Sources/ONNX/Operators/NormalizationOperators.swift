import Foundation
import TensorCore

/// BatchNormalization and its relatives, computed in float32.
let normalizationOperators: [String: OperatorDefinition] = [
  "BatchNormalization": OperatorDefinition(inputs: 5...5, outputs: 5, build: batchNormalization),
  "InstanceNormalization": OperatorDefinition(inputs: 3...3) { preparation in
    let epsilon = try preparation.node.float("epsilon", default: 1e-5)
    return { inputs in
      guard let x = inputs[0], let scale = inputs[1], let bias = inputs[2], x.shape.rank >= 2 else {
        throw ONNXError.invalid("expected an input of [N, C, ...]")
      }
      return [
        try normalizeGroups(
          x, groups: x.shape[1], scale: scale, bias: bias, epsilon: epsilon, preparation.context)
      ]
    }
  },
  "GroupNormalization": OperatorDefinition(since: 18, inputs: 3...3, build: groupNormalization),
  "LayerNormalization": OperatorDefinition(
    since: 17, inputs: 2...3, outputs: 3, build: layerNormalization),
  "LRN": OperatorDefinition(inputs: 1...1, build: localResponseNormalization),
]

private func batchNormalization(_ preparation: NodePreparation) throws -> Kernel {
  let node = preparation.node
  let context = preparation.context
  guard try !node.flag("training_mode"), !(1..<5).contains(where: node.wants) else {
    throw ONNXError.invalid("training mode is not supported")
  }
  guard try node.flag("spatial", default: true) else {
    throw ONNXError.invalid("spatial = 0 is not supported")
  }
  let epsilon = try node.float("epsilon", default: 1e-5)
  return { inputs in
    guard let x = inputs[0], x.shape.rank >= 2 else {
      throw ONNXError.invalid("expected an input of [N, C, ...]")
    }
    let affine = try ChannelAffine(
      batchNorm: inputs.dropFirst().compactMap { $0 }, epsilon: epsilon, channels: x.shape[1],
      on: context.compute)
    return [try affine.applied(to: x, context)]
  }
}

/// scale * x + shift, one pair of numbers for each channel.
struct ChannelAffine {
  let scale: [Float]
  let shift: [Float]

  /// - Parameter parameters: scale, bias, mean and variance of a BatchNormalization.
  init(
    batchNorm parameters: [Tensor], epsilon: Float, channels: Int, on context: ComputeContext
  ) throws {
    guard parameters.count == 4 else { throw ONNXError.invalid("an input is missing") }
    let vectors = try parameters.map {
      try $0.floatVector(channels, "BatchNormalization", on: context).floats(on: context)
    }
    // In double, as the frameworks' own folding: the difference below is of close numbers.
    let factors = (0..<channels).map {
      Double(vectors[0][$0]) / (Double(vectors[3][$0]) + Double(epsilon)).squareRoot()
    }
    scale = factors.map { Float($0) }
    shift = (0..<channels).map {
      Float(Double(vectors[1][$0]) - Double(vectors[2][$0]) * factors[$0])
    }
  }

  func applied(to x: Tensor, _ context: OperatorContext) throws -> Tensor {
    let source = try x.converted32(on: context.compute).dense()
    let result = try context.tensor(like: source, .f32)
    let channels = x.shape[1]
    // Channels stand either innermost, or `inner` elements of one lie together.
    let inner = source.strides[1]
    let runs = source.count / max(1, inner)
    context.compute.forEachRange(of: runs, width: inner) { range in
      let (from, into) = (source.floatBase, result.floatBase)
      if inner == 1 {
        for run in range {
          let channel = run % channels
          into[run] = from[run] * scale[channel] + shift[channel]
        }
      } else {
        for run in range {
          let (factor, term) = (scale[run % channels], shift[run % channels])
          for place in run * inner..<(run + 1) * inner { into[place] = from[place] * factor + term }
        }
      }
    }
    withExtendedLifetime(source) {}
    return try result.converted(like: x, on: context.compute)
  }
}

private func groupNormalization(_ preparation: NodePreparation) throws -> Kernel {
  let node = preparation.node
  guard let groups = try node.int("num_groups"), groups >= 1 else {
    throw ONNXError.invalid("it has no num_groups")
  }
  let epsilon = try node.float("epsilon", default: 1e-5)
  let context = preparation.context
  return { inputs in
    guard let x = inputs[0], var scale = inputs[1], var bias = inputs[2], x.shape.rank >= 2,
      x.shape[1] % groups == 0
    else { throw ONNXError.invalid("expected channels that are a multiple of \(groups)") }
    if node.opset < 21 {  // one number for each group
      scale = try repeated(scale, x.shape[1] / groups)
      bias = try repeated(bias, x.shape[1] / groups)
    }
    return [
      try normalizeGroups(
        x, groups: groups, scale: scale, bias: bias, epsilon: epsilon, context)
    ]
  }
}

private func repeated(_ vector: Tensor, _ count: Int) throws -> Tensor {
  let values = try vector.floats().flatMap { [Float](repeating: $0, count: count) }
  return try Tensor(values, shape: [values.count])
}

/// (x - mean) / deviation over each group of channels of each picture, then scale and bias of the
/// channel.
private func normalizeGroups(
  _ x: Tensor, groups: Int, scale: Tensor, bias: Tensor, epsilon: Float, _ context: OperatorContext
) throws -> Tensor {
  let channels = x.shape[1]
  let compute = context.compute
  let factors = try scale.floatVector(channels, "scale", on: compute)
  let terms = try bias.floatVector(channels, "bias", on: compute)
  let source = try x.converted32(on: compute).rowMajor(on: compute)
  let result = try context.tensor(x.shape.axes, .f32)
  let positions = x.shape.axes.dropFirst(2).reduce(1, *)
  let perGroup = channels / max(groups, 1)
  let size = perGroup * positions
  guard x.count > 0 else { return try result.converted(like: x, on: compute) }
  compute.pool.forEach(x.shape[0] * groups) { piece in
    let from = source.floatBase + piece * size
    let into = result.floatBase + piece * size
    let (mean, deviation) = moments(from, size, epsilon: epsilon)
    for local in 0..<perGroup {
      let channel = piece % groups * perGroup + local
      let factor = factors.floatBase[channel] / deviation
      let term = terms.floatBase[channel]
      for place in local * positions..<(local + 1) * positions {
        into[place] = (from[place] - mean) * factor + term
      }
    }
  }
  withExtendedLifetime((source, factors, terms)) {}
  return try result.converted(like: x, on: compute)
}

/// Mean and sqrt(biased variance + epsilon), summed in double.
private func moments(
  _ values: UnsafePointer<Float>, _ count: Int, epsilon: Float
) -> (mean: Float, deviation: Float) {
  var sum = 0.0
  for index in 0..<count { sum += Double(values[index]) }
  let mean = sum / Double(count)
  var squares = 0.0
  for index in 0..<count {
    let difference = Double(values[index]) - mean
    squares += difference * difference
  }
  return (Float(mean), Float((squares / Double(count) + Double(epsilon)).squareRoot()))
}

private func layerNormalization(_ preparation: NodePreparation) throws -> Kernel {
  let node = preparation.node
  let context = preparation.context
  let compute = context.compute
  let axisAttribute = try node.int("axis", default: -1)
  let epsilon = try node.float("epsilon", default: 1e-5)
  let wantsMoments = node.wants(output: 1) || node.wants(output: 2)
  return { inputs in
    guard let x = inputs[0], let scale = inputs[1] else {
      throw ONNXError.invalid("an input is missing")
    }
    let axis = axisAttribute < 0 ? axisAttribute + x.shape.rank : axisAttribute
    guard (0..<max(x.shape.rank, 1)).contains(axis), x.shape.rank > 0 else {
      throw ONNXError.invalid("no axis \(axisAttribute) in \(x.shape)")
    }
    let width = x.shape.axes[axis...].reduce(1, *)
    let rows = x.shape.axes[..<axis].reduce(1, *)
    let bias = inputs.count > 2 ? inputs[2] : nil
    let factors = try scale.broadcastVector(to: Array(x.shape.axes[axis...]), on: compute)
    let terms = try bias?.broadcastVector(to: Array(x.shape.axes[axis...]), on: compute)
    let source = try x.converted32(on: compute).rowMajor(on: compute)
    let flat = try source.reshaped(Shape(validating: [rows, width]))
    let result = try flat.layerNorm(
      epsilon: epsilon, multiply: factors, add: terms, on: compute
    ).reshaped(x.shape).converted(like: x, on: compute)
    guard wantsMoments else { return [result] }
    let shape = Array(x.shape.axes[..<axis]) + x.shape.axes[axis...].map { _ in 1 }
    let means = try context.tensor(shape, .f32)
    let inverses = try context.tensor(shape, .f32)
    for row in 0..<rows {
      let (mean, deviation) = moments(flat.floatBase + row * width, width, epsilon: epsilon)
      means.floatBase[row] = mean
      inverses.floatBase[row] = 1 / deviation
    }
    return [result, means, inverses]
  }
}

extension Tensor {
  /// Scale or bias of a layer norm: as large as the normalised axes, or to be repeated.
  fileprivate func broadcastVector(to axes: [Int], on context: ComputeContext) throws -> Tensor {
    let width = axes.reduce(1, *)
    let values = try converted(to: .f32, on: context)
    if count == width { return try values.reshaped([width]) }
    guard count == 1 else {
      throw ONNXError.invalid("expected scale and bias of \(axes), found \(shape)")
    }
    return try Tensor([Float](repeating: values.floats()[0], count: width), shape: [width])
  }
}

private func localResponseNormalization(_ preparation: NodePreparation) throws -> Kernel {
  let node = preparation.node
  let context = preparation.context
  let compute = context.compute
  let alpha = try node.float("alpha", default: 1e-4)
  let beta = try node.float("beta", default: 0.75)
  let bias = try node.float("bias", default: 1)
  guard let size = try node.int("size"), (1...(1 << 20)).contains(size) else {
    throw ONNXError.invalid("it has no size")
  }
  return { inputs in
    guard let x = inputs[0], x.shape.rank >= 2 else {
      throw ONNXError.invalid("expected an input of [N, C, ...]")
    }
    let rows = try x.converted32(on: compute).channelsLastRows(on: compute)
    let result = try context.tensor(rows.shape.axes, .f32)
    let channels = x.shape[1]
    let (before, after) = ((size - 1) / 2, size - 1 - (size - 1) / 2)
    compute.forEachRange(of: rows.count / max(channels, 1), width: channels * 16) { range in
      for row in range {
        let from = rows.floatBase + row * channels
        let into = result.floatBase + row * channels
        for channel in 0..<channels {
          var sum: Float = 0
          for other in max(0, channel - before)...min(channels - 1, channel + after) {
            sum += from[other] * from[other]
          }
          into[channel] = from[channel] / pow(bias + alpha / Float(size) * sum, beta)
        }
      }
    }
    withExtendedLifetime(rows) {}
    return [try result.channelsFirstView().converted(like: x, on: compute)]
  }
}
