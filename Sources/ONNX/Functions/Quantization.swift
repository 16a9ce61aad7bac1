import TensorCore

/// The elements in another type: rounded to nearest even, cut towards zero for whole numbers.
///
/// - Parameter saturates: whether 8-bit floats hold their largest number where a larger one comes,
///   instead of infinity or NaN.
func cast(
  _ x: Tensor, to type: DType, saturates: Bool, on context: OperatorContext
) throws -> Tensor {
  try inMemoryOrder(of: x, on: context) { x in
    let source = try type == x.dtype ? materialized(x, on: context) : x
    guard type == .f8e4m3 || type == .f8e5m2, x.dtype != type else {
      return try source.converted(to: type, on: context.compute)
    }
    // The tensor core's own conversions: E4M3 saturates, E5M2 does not.
    let wide = try source.converted(to: .f32, on: context.compute)
    let limit: Float = type == .f8e4m3 ? 448 : 57344
    let row: UnaryRow =
      type == .f8e5m2
      ? unaryRow { (x: Float) in saturates && abs(x) > limit ? (x < 0 ? -limit : limit) : x }
      // From the middle between 448 and the next step on.
      : unaryRow { (x: Float) in saturates || abs(x) <= 464 ? x : .nan }
    return try mapElements(of: wide, on: context, row).converted(to: type, on: context.compute)
  }
}

/// How many elements share a scale.
struct Grain: Sendable {
  /// Along which scales differ, where there is more than one.
  var axis: Int
  /// Elements that share one along the axis; 0: one element, and all others of its place.
  var blockSize: Int

  /// The scales as a view that can be broadcast to the elements (blocks are spread out).
  ///
  /// - Throws: `ONNXError.invalid` where their shape does not fit.
  fileprivate func spread(
    _ scale: Tensor, over shape: Shape, on context: OperatorContext
  ) throws -> Tensor {
    if scale.count == 1, blockSize == 0 { return try scale.reshaped([]) }
    let failure = ONNXError.invalid(
      "scales \(scale.shape) for \(shape) along axis \(axis) with block size \(blockSize)")
    let axis = try shape.axis(axis)
    if blockSize == 0 {
      guard scale.shape.rank == 1, scale.count == shape[axis] else { throw failure }
      let rest = [Int](repeating: 1, count: shape.rank - 1 - axis)
      return try scale.reshaped([scale.count] + rest, on: context)
    }
    var blocks = shape.axes
    blocks[axis] = shape[axis] == 0 ? 0 : (shape[axis] - 1) / max(blockSize, 1) + 1
    guard blockSize > 0, scale.shape.axes == blocks else { throw failure }
    return try gathered(
      scale, (0..<shape[axis]).map { $0 / blockSize }, axis: axis, on: context)
  }
}

/// round(x / scale) + zero, held to the type's range.
///
/// - Parameter zero: of the result's type; nil is 0.
/// - Throws: `ONNXError.invalid` where shapes or types do not fit.
func quantized(
  _ x: Tensor, scale: Tensor, zero: Tensor?, to type: DType, _ grain: Grain,
  on context: OperatorContext
) throws -> Tensor {
  let wide: DType = x.dtype == .f64 || scale.dtype == .f64 ? .f64 : .f32
  func prepared(_ tensor: Tensor) throws -> Tensor {
    try grain.spread(tensor, over: x.shape, on: context)
      .converted(to: wide, on: context.compute)
  }
  let shares = try arithmetic(
    .divide, materialized(x, on: context).converted(to: wide, on: context.compute),
    prepared(scale), on: context)
  if type == .f8e4m3 || type == .f8e5m2 {
    return try cast(shares, to: type, saturates: true, on: context)
  }
  guard !type.isFloatingPoint, type != .bool else { throw ONNXError.unsupported(type) }
  let rounded = try mapped(shares, by: RealFunction.round, on: context)
  let shifted = try zero.map { try arithmetic(.add, rounded, prepared($0), on: context) } ?? rounded
  return try shifted.converted(to: type, on: context.compute)
}

/// (x - zero) * scale.
///
/// - Parameter type: of the result.
/// - Throws: `ONNXError.invalid` where shapes or types do not fit.
func dequantized(
  _ x: Tensor, scale: Tensor, zero: Tensor?, to type: DType, _ grain: Grain,
  on context: OperatorContext
) throws -> Tensor {
  func prepared(_ tensor: Tensor) throws -> Tensor {
    try grain.spread(tensor, over: x.shape, on: context)
      .converted(to: .f32, on: context.compute)
  }
  var numbers = try materialized(x, on: context)
  if let zero {
    try requireSameType(x, zero)
    // int32 differences are exact in float64 alone.
    let exact: DType = x.dtype == .i32 ? .f64 : .f32
    let offset = try grain.spread(zero, over: x.shape, on: context)
      .converted(to: exact, on: context.compute)
    numbers = try arithmetic(
      .subtract, numbers.converted(to: exact, on: context.compute), offset, on: context)
  }
  return try arithmetic(
    .multiply, numbers.converted(to: .f32, on: context.compute), prepared(scale), on: context
  ).converted(to: type, on: context.compute)
}
