import TensorCore

extension LandmarkEstimate {
  /// Reads what a network answers: 444, 3 and 1 numbers, whatever their names.
  ///
  /// - Parameters:
  ///   - outputs: of the network, by name. Landmarks are 222 x and then 222 y, or pairs
  ///     (`[..., 222, 2]`).
  ///   - file: for errors.
  /// - Throws: `FaceError.network` where there are others, or fewer.
  package init(
    outputs: [String: Tensor], file: String, on context: ComputeContext = .shared
  ) throws {
    let count = FaceLandmarks.count
    func only(_ elements: Int) throws -> Tensor {
      let found = outputs.values.filter { $0.count == elements }
      guard found.count == 1 else {
        throw FaceError.network(
          file: file,
          expected: "a landmark network with outputs of \(2 * count) (landmarks), 3 (angles) and 1 "
            + "(probability) numbers",
          found: FaceError.shapes(of: outputs))
      }
      return found[0]
    }
    let places = try only(2 * count)
    let (angles, probability) = (try only(3), try only(1))
    let values = try places.floats(on: context).map(Double.init)
    let isPaired = places.shape.axes.last == 2
    let euler = try angles.floats(on: context)
    self.init(
      landmarks: FaceLandmarks(
        (0..<count).map {
          isPaired ? [values[2 * $0], values[2 * $0 + 1]] : [values[$0], values[count + $0]]
        }),
      pitch: Double(euler[0]), yaw: Double(euler[1]),
      probability: Double(try probability.floats(on: context)[0]))
  }
}
