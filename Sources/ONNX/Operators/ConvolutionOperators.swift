import TensorCore

/// Convolutions, computed channels last in float32.
let convolutionOperators: [String: OperatorDefinition] = [
  "Conv": OperatorDefinition(inputs: 2...3) {
    try ConvolutionOperator($0, isTransposed: false).kernel
  },
  "ConvTranspose": OperatorDefinition(inputs: 2...3) {
    try ConvolutionOperator($0, isTransposed: true).kernel
  },
]

/// What `GraphFusion` makes: inputs x, weights, bias or "", and a residual or "".
let fusedConvolution = OperatorDefinition(inputs: 2...4) {
  try ConvolutionOperator($0, isTransposed: false).kernel
}

/// A convolution whose weights are packed once where they are known.
struct ConvolutionOperator: Sendable {
  private let node: Node
  private let context: OperatorContext
  private let isTransposed: Bool
  private let groups: Int
  private let epilogue: Convolution.Epilogue
  /// nil where the weights are only known at run time.
  private var packed: Packed?
  /// Adds a residual whose shape is not that of the result.
  private let add: Kernel?

  private struct Packed: Sendable {
    let convolution: Convolution
    let window: WindowGeometry
  }

  init(_ preparation: NodePreparation, isTransposed: Bool) throws {
    node = preparation.node
    context = preparation.context
    self.isTransposed = isTransposed
    groups = try node.int("group", default: 1)
    guard (1...(1 << 20)).contains(groups) else { throw ONNXError.invalid("\(groups) groups") }
    var epilogue = Convolution.Epilogue(
      activation: try Activation(fused: node.string("#activation")),
      last: try Activation(fused: node.string("#last")))
    epilogue.bend = try Self.bend(node)
    self.epilogue = epilogue
    add = try node.has(input: 3) ? Self.addition(preparation) : nil
    let biasIsKnown = !node.has(input: 2) || preparation.constant(2) != nil
    if let weight = preparation.constant(1), biasIsKnown {
      packed = try pack(weight, bias: preparation.constant(2))
    }
  }

  private static func addition(_ preparation: NodePreparation) throws -> Kernel {
    let node = Node(operatorName: "Add", opset: 14, inputs: ["a", "b"], outputs: ["c"])
    guard let definition = OperatorRegistry.definition(of: node) else {
      throw ONNXError.invalid("no operator Add")
    }
    return try definition.build(
      NodePreparation(node: node, constants: [nil, nil], context: preparation.context))
  }

  var kernel: Kernel { { [self] in try [run($0)] } }

  /// Kind and numbers that `GraphFusion` has written.
  private static func bend(_ node: Node) throws -> Convolution.Bend? {
    guard let kind = try node.string("#bend"), let numbers = try node.floats("#numbers"),
      numbers.count == 2
    else { return nil }
    switch kind {
    case "Clip": return .clamp(least: numbers[0], greatest: numbers[1])
    case "LeakyRelu": return .leakyRelu(slope: numbers[0])
    case "HardSwish": return .hardSwish(slope: numbers[0], offset: numbers[1])
    default: throw ONNXError.invalid("no activation '\(kind)'")
    }
  }

  private func pack(_ weight: Tensor, bias: Tensor?) throws -> Packed {
    guard (3...5).contains(weight.shape.rank) else {
      throw ONNXError.invalid("expected weights with 1 to 3 spatial axes, found \(weight.shape)")
    }
    let kernel = Array(weight.shape.axes.dropFirst(2))
    if let given = try node.ints("kernel_shape"), !given.isEmpty, given != kernel {
      throw ONNXError.invalid("kernel_shape \(given), but weights of shape \(weight.shape)")
    }
    let window = try WindowGeometry(node, kernel: kernel)
    let geometry = ConvolutionGeometry(
      stride: WindowGeometry.three(window.strides, 1),
      paddingBefore: WindowGeometry.three(window.before, 0),
      paddingAfter: WindowGeometry.three(window.after, 0),
      dilation: WindowGeometry.three(window.dilations, 1), groups: groups,
      isTransposed: isTransposed)
    let convolution = try Convolution(
      weight: weight.converted(to: .f32, on: context.compute), bias: bias, geometry: geometry,
      arithmetic: .f32, on: context.compute)
    return Packed(convolution: convolution, window: window)
  }

  private func run(_ inputs: [Tensor?]) throws -> Tensor {
    guard let x = inputs[0], let weight = inputs[1] else {
      throw ONNXError.invalid("an input is missing")
    }
    let packed = try self.packed ?? pack(weight, bias: inputs.count > 2 ? inputs[2] : nil)
    let convolution = packed.convolution
    let axes = packed.window.kernel.count
    guard x.shape.rank == axes + 2, x.shape[1] == convolution.inputChannels else {
      throw ONNXError.invalid(
        "expected [N, \(convolution.inputChannels), ...] with \(axes) spatial axes, "
          + "found \(x.shape)")
    }
    guard x.dtype.isFloatingPoint else {
      throw ONNXError.invalid("expected floating point numbers, found \(x.dtype.rawValue)")
    }
    let sizes = Array(x.shape.axes.dropFirst(2))
    let padded = try self.padded(packed, for: sizes)
    let rows = try x.converted32(on: context.compute).channelsLastRows(on: context.compute)
    guard let residual = inputs.count > 3 ? inputs[3] : nil else {
      let result = try convolve(rows, residual: nil, sizes: sizes, padded, epilogue)
      return try result.channelsFirstView().converted(like: x, on: context.compute)
    }
    let expected = [x.shape[0], convolution.outputChannels] + spatialSizes(padded, sizes)
    if residual.shape.axes == expected, residual.dtype == .f32, x.dtype == .f32 {
      let terms = try residual.channelsLastRows(on: context.compute)
      return try convolve(rows, residual: terms, sizes: sizes, padded, epilogue)
        .channelsFirstView()
    }
    var first = epilogue
    first.last = .none
    return try spreadSum(
      convolve(rows, residual: nil, sizes: sizes, padded, first)
        .channelsFirstView().converted(like: x, on: context.compute), residual)
  }

  /// The sum where one side repeats along some axes, and what follows it.
  private func spreadSum(_ sum: Tensor, _ residual: Tensor) throws -> Tensor {
    guard let add, let result = try add([sum, residual]).first else {
      throw ONNXError.invalid("the sum has no result")
    }
    guard epilogue.last == .relu else { return result }
    return try result.converted32(on: context.compute).applying(.relu, on: context.compute)
      .converted(like: sum, on: context.compute)
  }

  private func spatialSizes(_ convolution: Convolution, _ sizes: [Int]) -> [Int] {
    Array(outputSizes(convolution, sizes).suffix(sizes.count))
  }

  private func outputSizes(_ convolution: Convolution, _ sizes: [Int]) -> [Int] {
    let all = WindowGeometry.three(sizes, 1)
    return (0..<3).map {
      convolution.geometry.outputSize(axis: $0, kernel: convolution.kernel[$0], input: all[$0])
    }
  }

  /// The convolution with the paddings that an input of a size asks for.
  private func padded(_ packed: Packed, for sizes: [Int]) throws -> Convolution {
    let window = packed.window
    if isTransposed { return try transposedPadding(packed, for: sizes) }
    _ = try window.outputSizes(for: sizes)
    guard window.automatic != .none else { return packed.convolution }
    let (before, after) = window.paddings(for: sizes)
    return try packed.convolution.padding(
      before: WindowGeometry.three(before, 0), after: WindowGeometry.three(after, 0))
  }

  private func transposedPadding(_ packed: Packed, for sizes: [Int]) throws -> Convolution {
    let window = packed.window
    var (before, after) = (window.before, window.after)
    let axes = sizes.indices
    var extra = try node.ints("output_padding") ?? []
    if extra.isEmpty { extra = sizes.map { _ in 0 } }
    var wanted = try node.ints("output_shape")
    if let shape = wanted, shape.count == sizes.count + 2 { wanted = Array(shape.dropFirst(2)) }
    guard extra.count == sizes.count, extra.allSatisfy((0...(1 << 20)).contains),
      wanted.map({ $0.count == sizes.count && $0.allSatisfy((0...(1 << 30)).contains) }) ?? true
    else { throw ONNXError.invalid("output_padding or output_shape do not fit the input") }
    let isSame = window.automatic == .sameUpper || window.automatic == .sameLower
    if wanted == nil, isSame {
      wanted = axes.map { sizes[$0] * window.strides[$0] }
    }
    if let wanted {
      for axis in axes {
        let full = window.strides[axis] * (sizes[axis] - 1) + extra[axis] + window.span(axis)
        let total = full - wanted[axis]
        if total < 0 { extra[axis] -= total }
        let (small, large) = (max(total, 0) / 2, max(total, 0) - max(total, 0) / 2)
        let lessBefore = window.automatic == .sameUpper
        (before[axis], after[axis]) = lessBefore ? (small, large) : (large, small)
      }
    }
    return try packed.convolution.padding(
      before: WindowGeometry.three(before, 0), after: WindowGeometry.three(after, 0),
      output: WindowGeometry.three(extra, 0))
  }

  /// - Parameter rows: `[N, ..., C]`.
  private func convolve(
    _ rows: Tensor, residual: Tensor?, sizes: [Int], _ convolution: Convolution,
    _ wanted: Convolution.Epilogue
  ) throws -> Tensor {
    let all = WindowGeometry.three(sizes, 1)
    let geometry = convolution.geometry
    let output = WindowGeometry.three(outputSizes(convolution, sizes), 1)
    try checkFrame(all, geometry, channels: convolution.inputChannels)
    let batch = rows.shape[0]
    let channels = convolution.outputChannels
    let spatial = (0..<3).suffix(sizes.count).map { output[$0] }
    let result = try context.tensor([batch] + spatial + [channels], .f32)
    // Pictures of a batch are frames of a clip whose kernel has one frame; volumes go one by one.
    let clips = sizes.count == 3 ? batch : min(batch, 1)
    let frames = sizes.count == 3 ? all.x : batch
    let outputFrames = sizes.count == 3 ? output.x : batch
    guard result.count > 0, rows.count > 0 else { return result }
    let x = try rows.reshaped([clips, frames, all.y, all.z, convolution.inputChannels])
    let y = try result.reshaped([clips, outputFrames, output.y, output.z, channels])
    var epilogue = wanted
    let terms = try residual?.reshaped(y.shape)
    for clip in 0..<clips {
      epilogue.residual = terms?[clip]
      _ = try convolution(x[clip], epilogue: epilogue, output: y[clip])
    }
    return result
  }

  /// A damaged file can ask for any padding; the padded picture must not fill the memory.
  private func checkFrame(
    _ sizes: SIMD3<Int>, _ geometry: ConvolutionGeometry, channels: Int
  ) throws {
    let rows = sizes.y + geometry.paddingBefore.y + geometry.paddingAfter.y
    let columns = sizes.z + geometry.paddingBefore.z + geometry.paddingAfter.z
    let (area, overflow) = rows.multipliedReportingOverflow(by: columns)
    let (bytes, tooLarge) = area.multipliedReportingOverflow(by: 4 * channels)
    guard !overflow, !tooLarge, bytes <= context.byteLimit else {
      throw ONNXError.invalid(
        "a padded picture of \(rows)x\(columns)x\(channels) is larger than the limit of "
          + "\(context.byteLimit >> 20) MiB")
    }
  }
}

extension Activation {
  /// The fused activation of a name; nil is none.
  fileprivate init(fused name: String?) throws {
    switch name {
    case nil: self = .none
    case "Relu": self = .relu
    case "Silu": self = .silu
    case "Gelu": self = .geluErf
    default: throw ONNXError.invalid("no activation '\(name ?? "")'")
    }
  }
}
