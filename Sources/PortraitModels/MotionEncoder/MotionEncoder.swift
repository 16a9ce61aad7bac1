import Layers
import TensorCore

/// Reads head pose, eyes, emotion and mouth off aligned face crops (PD-FGC `FanEncoder`).
package struct MotionEncoder: Sendable {
  package let config: MotionEncoderConfig
  private let execution: Execution

  private let stem: Convolution  // model.conv1 with model.bn1
  private let half: ConvolutionBlock  // model.conv2
  private let quarter: [ConvolutionBlock]  // model.conv3, model.conv4
  private let hourglass: Hourglass  // model.m0
  private let top: ConvolutionBlock  // model.top_m_0
  private let last: Convolution  // model.conv_last0
  private let lastNorm: BatchNorm  // model.bn_end0
  private let maps: Convolution  // model.l0
  private let mapNorm: BatchNorm  // model.bn5
  private let reduction: Convolution  // model.conv6
  private let features: Linear  // model.fc
  private let heads: [MotionHead]

  /// Tensors of the published checkpoint that are not used: the mouth's features are taken before
  /// their embedding.
  package static let ignoredTensors = ["mouth_embed.*", "*.num_batches_tracked"]

  /// What an observer is shown.
  package enum Stage: Sendable, Equatable {
    /// Red, green and blue in [-1, 1], `[crops, rows, columns, 3]`.
    case pixels
    /// After the last block before the hourglass, `[crops, rows, columns, channels]`.
    case quarter
    /// Of the same shape.
    case hourglass
    /// `[crops, features]`.
    case features
  }

  /// Is shown hidden states of some of the crops, in order.
  package typealias Observer = (Stage, Tensor) throws -> Void

  /// Crops that are encoded together: the small pictures of the hourglass then give all threads
  /// work, and most hidden states stay in the caches.
  private static let cropsPerPass = 4

  /// - Throws: `NetworkError.configuration`, and what the source throws.
  package init(
    _ config: MotionEncoderConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    let model = weights.scoped("model.")
    let (channels, wide) = (config.channels, config.hourglassChannels)
    func block(_ name: String, _ inputs: Int, _ outputs: Int) throws -> ConvolutionBlock {
      try ConvolutionBlock(
        inputs, outputs, weights: model.scoped(name + "."), execution: execution)
    }
    func convolution(
      _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int = 1, stride: Int = 1,
      norm: BatchNorm? = nil
    ) throws -> Convolution {
      var weight = try model.claim(
        name + ".weight", shape: [outputs, inputs, kernel, kernel], as: norm == nil ? nil : .f32)
      var bias = try model.claim(name + ".bias", shape: [outputs], as: .f32)
      if let norm { (weight, bias) = try norm.folded(weight: weight, bias: bias) }
      return try Convolution(
        weight: weight, bias: bias,
        geometry: .init(
          stride: [1, stride, stride], padding: [0, (kernel - 1) / 2, (kernel - 1) / 2]),
        arithmetic: execution.floatingArithmetic, on: execution.context)
    }
    stem = try convolution(
      "conv1", 3, config.stemChannels, kernel: 7, stride: 2,
      norm: BatchNorm(config.stemChannels, weights: model.scoped("bn1.")))
    half = try block("conv2", config.stemChannels, channels)
    quarter = [try block("conv3", channels, channels), try block("conv4", channels, wide)]
    hourglass = try Hourglass(
      depth: MotionEncoderConfig.hourglassDepth, channels: wide, weights: model.scoped("m0."),
      execution: execution)
    top = try block("top_m_0", wide, wide)
    last = try convolution("conv_last0", wide, wide)
    lastNorm = try BatchNorm(wide, weights: model.scoped("bn_end0."))
    maps = try convolution("l0", wide, config.maps)
    mapNorm = try BatchNorm(config.maps, weights: model.scoped("bn5."))
    reduction = try convolution("conv6", config.maps, 1, kernel: 3, stride: 2)
    features = try Linear(
      config.mapSize * config.mapSize, config.features, weights: model.scoped("fc."))
    heads = try ExpressionLayout.Part.allCases.map { part in
      try MotionHead(
        part, width: config.layout[part].count, features: config.features, weights: weights)
    }
  }

  /// The expression features of face crops, each by itself.
  ///
  /// - Parameter crops: `[crops, rows, columns, 3]` bytes of blue, green and red, as the aligned
  ///   crop is made.
  /// - Returns: `[crops, layout.width]` float32, in the order of `layout`.
  /// - Throws: `NetworkError.input`, `TensorError`, and what the observer throws.
  package func callAsFunction(bgr crops: Tensor, observer: Observer? = nil) throws -> Tensor {
    let size = config.imageSize
    guard crops.shape.rank == 4, crops.shape.axes.dropFirst() == [size, size, 3],
      crops.dtype == .u8
    else {
      throw NetworkError.input(
        network: MotionEncoderConfig.network, name: "crops",
        expected: "U8 [crops, \(size), \(size), 3]",
        found: "\(crops.dtype) \(crops.shape)")
    }
    let count = crops.shape[0]
    let result = try Tensor(uninitialized: [count, config.layout.width], dtype: .f32)
    for start in stride(from: 0, to: count, by: Self.cropsPerPass) {
      let range = start..<min(start + Self.cropsPerPass, count)
      let pixels = try pixels(of: crops.sliced(range))
      try observer?(.pixels, pixels)
      try encode(pixels, into: result.sliced(range), observer)
    }
    return result
  }

  /// Bytes of blue, green and red to red, green and blue in [-1, 1].
  private func pixels(of crops: Tensor) throws -> Tensor {
    let context = execution.context
    let bgr = try crops.converted(to: .f32, on: context)
    var strides = bgr.strides
    strides[3] = -1
    let rgb = Tensor(
      storage: bgr.storage, dtype: .f32, shape: bgr.shape, strides: strides,
      byteOffset: bgr.byteOffset + 2 * bgr.dtype.byteCount)
    return try rgb.affine(scale: 2 / 255, shift: -1, on: context)
  }

  private func encode(_ pixels: Tensor, into output: Tensor, _ observer: Observer?) throws {
    let type = execution.activationType
    let stemmed = try stem(pixels, epilogue: .init(activation: .relu), outputType: type)
    var x = try half(stemmed).maxPooled([2, 2], on: execution.context)
    for block in quarter { x = try block(x) }
    try observer?(.quarter, x)
    x = try hourglass(x)
    try observer?(.hourglass, x)
    x = try last(top(x), outputType: type)
    x = try maps(x, prologue: lastNorm.rectified, outputType: type)
    x = try reduction(
      x, prologue: mapNorm.rectified, epilogue: .init(activation: .relu), outputType: type)
    let crops = pixels.shape[0]
    let found = try features(
      x.reshaped([crops, config.mapSize * config.mapSize]), outputType: .f32, execution)
    try observer?(.features, found)
    try read(found, into: output)
  }

  /// All heads: their first layers are one product of the same rows.
  private func read(_ features: Tensor, into output: Tensor) throws {
    let hidden = try heads.map { _ in
      try Tensor(uninitialized: features.shape, dtype: execution.activationType)
    }
    try MatrixProduct.run(
      features,
      zip(heads, hidden).map { head, target in
        head.first.product(into: target, epilogue: .init(activation: .relu))
      }, arithmetic: execution.arithmetic, on: execution.context)
    for (head, state) in zip(heads, hidden) {
      try head(state, into: output.sliced(config.layout[head.part], axis: 1), execution)
    }
  }
}
