import TensorCore

/// What the second run gathers, a row for each frame.
struct FrameResults {
  let sightings: [FaceSighting]
  private(set) var validity: [Bool]
  private let features: Tensor
  private let landmarks: Tensor
  private let boxes: Tensor
  private let angles: Tensor

  init(sightings: [FaceSighting], width: Int) throws {
    let frames = sightings.count
    self.sightings = sightings
    validity = [Bool](repeating: false, count: frames)
    features = try Tensor(zeros: [frames, width], dtype: .f32)
    landmarks = try Tensor(zeros: [frames, FaceLandmarks.count, 2], dtype: .f32)
    boxes = try Tensor(zeros: [frames, 4], dtype: .f32)
    angles = try Tensor(zeros: [frames, 3], dtype: .f32)
  }

  mutating func set(_ reading: FaceReader.Reading, frame: Int) {
    validity[frame] = true
    landmarks[frame].write(reading.landmarks.points.flatMap { [$0.x, $0.y] })
    boxes[frame].write(reading.box.elements)
    angles[frame].write([reading.angles.pitch, reading.angles.yaw, reading.angles.roll])
  }

  /// - Parameter rows: `[frames.count, width]` float32.
  /// - Throws: `TensorError.shapeMismatch`.
  func set(_ rows: Tensor, frames: [Int]) throws {
    let expected = Shape([frames.count, features.shape[1]])
    guard rows.dtype == .f32, rows.shape == expected else {
      throw TensorError.shapeMismatch(
        operation: "motion features", expected: "F32 \(expected)",
        found: "\(rows.dtype.rawValue) \(rows.shape)")
    }
    let source = try rows.contiguous()
    for (row, frame) in frames.enumerated() {
      features[frame].pointer.copyMemory(
        from: source[row].pointer, byteCount: features[frame].byteCount)
    }
  }

  /// Everything, with the gaps filled.
  func finished() -> ExpressionFeatures {
    GapFilling.fill(
      UnsafeMutableBufferPointer(
        start: features.pointer.assumingMemoryBound(to: Float.self), count: features.count),
      width: features.shape[1], validity: validity)
    return ExpressionFeatures(
      features: features, landmarks: landmarks, boxes: boxes, angles: angles, validity: validity,
      sightings: sightings)
  }
}

extension Tensor {
  /// Fills a contiguous float32 tensor.
  fileprivate func write(_ values: [Double]) {
    let target = pointer.assumingMemoryBound(to: Float.self)
    for (index, value) in values.enumerated() { target[index] = Float(value) }
  }
}
