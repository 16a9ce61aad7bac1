import CKernels

/// One input frame as a convolution reads it: channels last, rounded, with zeros round it.
///
/// Belongs to convolutions of the same channels, kernel, padding, arithmetic and instruction set.
package struct PaddedFrame: Sendable {
  let storage: TensorStorage
  let byteOffset: Int
  let shape: fp_conv_frame

  /// Bytes of the memory that it keeps alive.
  package var byteCount: Int { storage.byteCount }

  /// Address of the first row of the border.
  var pointer: UnsafeRawPointer { UnsafeRawPointer(storage.base + byteOffset) }
}

/// What happens to pixels on their way into a convolution, in float32, before they are rounded:
/// `activation(norm(x) * multiply + add)`.
package struct PixelPrologue: Sendable {
  /// Whether each pixel is divided by its length over the channels (at least 1e-12) and multiplied
  /// by the root of their number: the video autoencoder's RMS norm.
  package var normalizes: Bool
  /// `[channels]` float32, nil for 1.
  package var multiply: Tensor?
  /// `[channels]` float32, nil for 0.
  package var add: Tensor?
  /// `.none`, `.silu` or `.relu`.
  package var activation: Activation

  package init(
    normalizes: Bool = false, multiply: Tensor? = nil, add: Tensor? = nil,
    activation: Activation = .none
  ) {
    self.normalizes = normalizes
    self.multiply = multiply
    self.add = add
    self.activation = activation
  }

  var isIdentity: Bool {
    !normalizes && multiply == nil && add == nil && activation == .none
  }

  func validate(channels: Int, groups: Int) throws {
    try multiply?.require(vector: channels, "convolution prologue")
    try add?.require(vector: channels, "convolution prologue")
    guard [.none, .silu, .relu].contains(activation), !normalizes || groups == 1 else {
      throw TensorError.shapeMismatch(
        operation: "convolution prologue",
        expected: "no activation, SiLU or ReLU, and a norm for one group only", found: "\(self)")
    }
  }
}

/// Some channels of an input frame: a frame is made of one source or of several, one after another.
package struct PixelSource: Sendable {
  /// `[rows, columns, channels]`, float32 or bfloat16, channels contiguous; nil for zeros.
  package var pixels: Tensor?
  /// How many of the frame's channels it gives.
  package var channels: Int
  /// What happens to its pixels first; nothing happens to zeros.
  package var prologue: PixelPrologue

  /// - Parameter pixels: `[rows, columns, channels]`.
  package init(_ pixels: Tensor, prologue: PixelPrologue = .init()) {
    self.pixels = pixels
    channels = pixels.shape.rank == 0 ? 0 : pixels.shape[-1]
    self.prologue = prologue
  }

  /// Channels of zeros.
  package init(zeros channels: Int) {
    pixels = nil
    self.channels = channels
    prologue = .init()
  }
}

extension Convolution {
  /// Frames of a clip, ready to be read by this convolution.
  ///
  /// - Parameters:
  ///   - x: `[frames, rows, columns, in]`, float32 or bfloat16, channels contiguous.
  ///   - mayShare: whether the frames may be views of `x`, where its layout is theirs already; they
  ///     then change with it.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package func padded(
    _ x: Tensor, prologue: PixelPrologue = .init(), mayShare: Bool = false
  ) throws -> [PaddedFrame] {
    try x.require(rank: 4, types: [.f32, .bf16], "convolution input")
    guard x.shape[3] == inputChannels else {
      throw TensorError.shapeMismatch(
        operation: "convolution input", expected: "\(inputChannels) channels", found: "\(x.shape)")
    }
    if mayShare, let frames = inPlace(x, prologue: prologue) { return frames }
    let sources = (0..<x.shape[0]).map { [PixelSource(x[$0], prologue: prologue)] }
    return try padded(sources, rows: x.shape[1], columns: x.shape[2])
  }

  /// Frames whose channels come from several sources.
  ///
  /// - Parameter sources: the sources of each frame; their channels add up to the convolution's.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package func padded(
    _ sources: [[PixelSource]], rows: Int, columns: Int
  ) throws -> [PaddedFrame] {
    guard rows >= 0, columns >= 0 else { throw TensorError.invalidShape([rows, columns]) }
    for frame in sources {
      for source in frame { try source.validate(rows: rows, columns: columns, of: self) }
      guard frame.reduce(0, { $0 + $1.channels }) == inputChannels else {
        throw TensorError.shapeMismatch(
          operation: "convolution input", expected: "\(inputChannels) channels",
          found: "\(frame.map(\.channels))")
      }
    }
    let shape = frameShape(rows: rows, columns: columns)
    let bytes = try frameBytes(shape)
    let frames = try sources.map { _ in
      PaddedFrame(storage: try .allocate(byteCount: bytes), byteOffset: 0, shape: shape)
    }
    fill(frames, shape: shape, bytes: bytes, from: sources)
    return frames
  }

  /// Bands of rows of all frames, shared out.
  private func fill(
    _ frames: [PaddedFrame], shape: fp_conv_frame, bytes: Int, from sources: [[PixelSource]]
  ) {
    let rows = Int(shape.top + shape.height + shape.bottom)
    let rowsPerBand = max(1, (1 << 18) / max(1, bytes / max(1, rows)))
    let bands = rows.dividedUp(by: rowsPerBand)
    let shared = description
    let cost = Double(frames.count * bytes) * ComputeContext.costOfByte
    context.pool.forEach(frames.count * bands, cost: cost) { piece in
      var description = shared
      var shape = shape
      let frame = piece / bands
      let begin = piece % bands * rowsPerBand
      var channel = 0
      for source in sources[frame] where source.channels > 0 {
        var fill = source.kernelFill(channel: channel)
        fp_conv_fill_rows(
          context.kernels, &description, &shape, &fill, Int64(begin),
          Int64(min(begin + rowsPerBand, rows)), frames[frame].storage.base)
        channel += source.channels
      }
    }
    withExtendedLifetime(sources) {}
  }

  /// Views of a tensor that already has the layout of padded frames, nil where it has not.
  private func inPlace(_ x: Tensor, prologue: PixelPrologue) -> [PaddedFrame]? {
    let shape = frameShape(rows: x.shape[1], columns: x.shape[2])
    var description = description
    guard prologue.isIdentity, x.isContiguous,
      shape.top == 0, shape.bottom == 0, shape.left == 0, shape.right == 0,
      fp_conv_reads_in_place(context.kernels, &description, x.dtype.kernelType)
    else { return nil }
    return (0..<x.shape[0]).map { frame in
      PaddedFrame(
        storage: x.storage, byteOffset: x.byteOffset + frame * x.strides[0] * x.dtype.byteCount,
        shape: shape)
    }
  }

  /// The picture and the zeros round it that this convolution reads.
  func frameShape(rows: Int, columns: Int) -> fp_conv_frame {
    var description = description
    var padding: [Int64] = [0, Int64(geometry.paddingBefore.y), Int64(geometry.paddingBefore.z)]
    var output = [
      0, Int64(geometry.outputSize(axis: 1, kernel: kernel.y, input: rows)),
      Int64(geometry.outputSize(axis: 2, kernel: kernel.z, input: columns)),
    ]
    return fp_conv_frame_for(&description, Int64(rows), Int64(columns), &padding, &output)
  }

  /// Bytes of one padded frame.
  ///
  /// - Throws: `TensorError.outOfMemory` where the size overflows.
  func frameBytes(_ shape: fp_conv_frame) throws -> Int {
    let rows = Int(shape.top + shape.height + shape.bottom)
    let columns = Int(shape.left + shape.width + shape.right)
    let (positions, overflow) = rows.multipliedReportingOverflow(by: columns)
    // Sixteen words a channel are more than any layout takes.
    let (bound, tooLarge) = positions.multipliedReportingOverflow(by: inputChannels * 64)
    guard !overflow, !tooLarge else { throw TensorError.outOfMemory(bytes: bound) }
    var description = description
    var shape = shape
    return fp_conv_frame_bytes(context.kernels, &description, &shape)
  }
}

extension PixelSource {
  fileprivate func validate(rows: Int, columns: Int, of convolution: Convolution) throws {
    try prologue.validate(channels: channels, groups: convolution.geometry.groups)
    guard let pixels else { return }
    try pixels.require(rank: 3, types: [.f32, .bf16], "convolution input")
    guard pixels.shape == Shape([rows, columns, channels]) else {
      throw TensorError.shapeMismatch(
        operation: "convolution input", expected: "[\(rows), \(columns), \(channels)]",
        found: "\(pixels.shape)")
    }
  }

  fileprivate func kernelFill(channel: Int) -> fp_conv_fill {
    var fill = fp_conv_fill()
    if let pixels {
      fill.source = UnsafeRawPointer(pixels.pointer)
      fill.source_type = pixels.dtype.kernelType
      fill.source_row = pixels.strides[0] * pixels.dtype.byteCount
      fill.source_pixel = pixels.strides[1] * pixels.dtype.byteCount
    }
    fill.channels = Int64(channels)
    fill.channel = Int64(channel)
    fill.norm_scale = prologue.normalizes ? Float(channels).squareRoot() : 0
    fill.multiply = prologue.multiply?.floatPointer
    fill.add = prologue.add?.floatPointer
    fill.activation = prologue.activation.kernelActivation
    return fill
  }
}
