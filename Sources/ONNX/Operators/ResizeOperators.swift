import TensorCore

/// Resize and its forerunner, over any axes, computed in float32.
let resizeOperators: [String: OperatorDefinition] = [
  "Resize": OperatorDefinition(since: 10, inputs: 1...4) { try ResizeOperator(resize: $0).kernel },
  "Upsample": OperatorDefinition(since: 7, inputs: 1...2) {
    try ResizeOperator(upsample: $0).kernel
  },
]

struct ResizeOperator: Sendable {
  private enum Policy: String {
    case stretch
    case notLarger = "not_larger"
    case notSmaller = "not_smaller"
  }

  private let context: OperatorContext
  private let rule: ResizeRule
  private let axes: [Int]?
  private let policy: Policy
  private let outside: Float
  /// Scales of an attribute.
  private let fixedScales: [Float]?
  /// Which inputs hold the region, the scales and the sizes.
  private let places: (region: Int?, scales: Int?, sizes: Int?)

  init(resize preparation: NodePreparation) throws {
    let node = preparation.node
    context = preparation.context
    fixedScales = nil
    outside = try node.float("extrapolation_value", default: 0)
    axes = try node.ints("axes")
    policy = try Self.choice(node, "keep_aspect_ratio_policy", "stretch")
    let mode: ResizeRule.Mode = try Self.choice(node, "mode", "nearest")
    guard node.opset >= 11 else {
      rule = Self.oldRule(mode)
      places = (nil, 1, nil)
      return
    }
    places = (1, 2, 3)
    rule = ResizeRule(
      mode: mode,
      coordinates: try Self.choice(node, "coordinate_transformation_mode", "half_pixel"),
      rounding: try Self.choice(node, "nearest_mode", "round_prefer_floor"),
      cubicCoefficient: try node.float("cubic_coeff_a", default: -0.75),
      excludesOutside: try node.flag("exclude_outside"),
      antialiases: try node.flag("antialias"))
  }

  init(upsample preparation: NodePreparation) throws {
    let node = preparation.node
    context = preparation.context
    fixedScales = try node.floats("scales")
    (axes, policy, outside) = (nil, .stretch, 0)
    places = (nil, 1, nil)
    let mode = try node.string("mode", default: "nearest")
    guard let known = ResizeRule.Mode(rawValue: mode == "bilinear" ? "linear" : mode) else {
      throw ONNXError.invalid("attribute 'mode' is '\(mode)'")
    }
    rule = Self.oldRule(known)
  }

  private static func oldRule(_ mode: ResizeRule.Mode) -> ResizeRule {
    ResizeRule(
      mode: mode, coordinates: .asymmetric, rounding: .simple, cubicCoefficient: -0.75,
      excludesOutside: false, antialiases: false)
  }

  private static func choice<Choice: RawRepresentable<String>>(
    _ node: Node, _ name: String, _ fallback: String
  ) throws -> Choice {
    let value = try node.string(name, default: fallback)
    guard let choice = Choice(rawValue: value) else {
      throw ONNXError.invalid("attribute '\(name)' is '\(value)'")
    }
    return choice
  }

  var kernel: Kernel { { [self] in try [run($0)] } }

  private func run(_ inputs: [Tensor?]) throws -> Tensor {
    guard let x = inputs[0] else { throw ONNXError.invalid("an input is missing") }
    func given(_ place: Int?) -> Tensor? {
      guard let place, place < inputs.count, let tensor = inputs[place], tensor.count > 0 else {
        return nil
      }
      return tensor
    }
    let chosen = try resizedAxes(rank: x.shape.rank)
    let (scales, sizes) = try scalesAndSizes(
      x, chosen, scales: given(places.scales), sizes: given(places.sizes))
    let region = try regions(given(places.region), chosen, rank: x.shape.rank)
    guard x.count > 0 else {
      throw ONNXError.invalid("an empty input, \(x.shape)")
    }
    if rule.mode == .nearest, x.dtype.byteCount == 8 || !x.dtype.isFloatingPoint {
      guard x.count < 1 << 24 else { throw ONNXError.invalid("a large input of \(x.dtype)") }
    }
    // Tables are as long as the axes; a damaged file can ask for any size.
    let places = sizes.reduce(1.0) { $0 * Double(max($1, 1)) }
    guard places * 4 <= Double(context.byteLimit) else {
      throw ONNXError.invalid(
        "a result of \(sizes) is larger than the limit of \(context.byteLimit >> 20) MiB")
    }
    let tables = (0..<x.shape.rank).map { axis in
      ResizeAxis(
        inputs: x.shape[axis], outputs: sizes[axis], scale: scales[axis], region: region[axis],
        rule: chosen.contains(axis) ? rule : Self.oldRule(.nearest))
    }
    return try resized(x, tables)
  }

  private func resizedAxes(rank: Int) throws -> [Int] {
    guard let axes else { return Array(0..<rank) }
    let all = axes.map { $0 < 0 ? $0 + rank : $0 }
    guard all.allSatisfy((0..<rank).contains), Set(all).count == all.count else {
      throw ONNXError.invalid("axes \(axes) of an input with \(rank)")
    }
    return all
  }

  /// For each axis its scale and its size in the result.
  private func scalesAndSizes(
    _ x: Tensor, _ chosen: [Int], scales: Tensor?, sizes: Tensor?
  ) throws -> ([Float], [Int]) {
    let input = x.shape.axes
    var scale = [Float](repeating: 1, count: input.count)
    var size = input
    if let sizes {
      let wanted = try sizes.wholeNumbers()
      guard wanted.count == chosen.count, wanted.allSatisfy((0...(1 << 31)).contains),
        chosen.allSatisfy({ input[$0] > 0 })
      else { throw ONNXError.invalid("sizes \(wanted) for shape \(x.shape)") }
      for (axis, count) in zip(chosen, wanted) {
        size[axis] = count
        scale[axis] = Float(count) / Float(input[axis])
      }
      if policy != .stretch {
        let all = chosen.map { scale[$0] }
        let common = (policy == .notLarger ? all.min() : all.max()) ?? 1
        for axis in chosen {
          scale[axis] = common
          size[axis] = Int((common * Float(input[axis]) + 0.5).rounded(.down))
        }
      }
      return (scale, size)
    }
    guard let factors = try fixedScales ?? scales?.floats() else {
      throw ONNXError.invalid("neither scales nor sizes are given")
    }
    guard factors.count == chosen.count, factors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ONNXError.invalid("scales \(factors) for shape \(x.shape)")
    }
    for (axis, factor) in zip(chosen, factors) {
      let count = (Float(input[axis]) * factor).rounded(.down)
      guard count < 0x1p31 else { throw ONNXError.invalid("scale \(factor) is too large") }
      scale[axis] = factor
      size[axis] = Int(count)
    }
    return (scale, size)
  }

  private func regions(
    _ region: Tensor?, _ chosen: [Int], rank: Int
  ) throws -> [(start: Float, end: Float)] {
    var result = [(start: Float, end: Float)](repeating: (0, 1), count: rank)
    guard rule.coordinates == .cropAndResize else { return result }
    guard let values = try region?.floats(), values.count == 2 * chosen.count else {
      throw ONNXError.invalid("expected a region of \(2 * chosen.count) numbers")
    }
    for (index, axis) in chosen.enumerated() {
      result[axis] = (values[index], values[chosen.count + index])
    }
    return result
  }

  /// Axis by axis, in the order of memory, so that a picture that lies channels last stays so.
  private func resized(_ x: Tensor, _ tables: [ResizeAxis]) throws -> Tensor {
    var current = try x.converted32(on: context.compute).dense()
    let order = current.denseOrder ?? Array(tables.indices)
    var sizes = order.map { x.shape[$0] }
    var values = current.permuted(order)
    let work = order.indices.filter { !tables[order[$0]].isIdentity }
    // Axes that shrink most go first.
    let ratio = { (at: Int) in Double(tables[order[at]].outputs) / Double(tables[order[at]].inputs)
    }
    for at in work.sorted(by: { (ratio($0), $0) < (ratio($1), $1) }) {
      let table = tables[order[at]]
      let outer = sizes[..<at].reduce(1, *)
      let inner = sizes[(at + 1)...].reduce(1, *)
      sizes[at] = table.outputs
      let result = try context.tensor(sizes, .f32)
      if result.count > 0 {
        table.apply(
          values.floatBase, into: result.floatBase, outer: outer, inner: inner, outside: outside,
          on: context.compute)
      }
      values = result
    }
    var back = [Int](repeating: 0, count: order.count)
    for (at, axis) in order.enumerated() { back[axis] = at }
    current = values.permuted(back)
    return try current.converted(like: x, on: context.compute)
  }
}
