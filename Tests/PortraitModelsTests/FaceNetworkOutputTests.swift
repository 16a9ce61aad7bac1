import ONNX
import PortraitModels
import TensorCore
import Testing

/// Outputs of face networks are told apart by their sizes, whatever their names and layouts.
@Suite struct FaceNetworkOutputTests {
  private func counted(_ shape: Shape) throws -> Tensor {
    try Tensor((0..<shape.count).map { Float($0) / Float(shape.count) }, shape: shape)
  }

  /// Score and box maps for an input of 272 x 160, named by number.
  private func maps(_ scores: (Int) -> Shape, _ boxes: (Int) -> Shape) throws -> [String: Tensor] {
    var outputs: [String: Tensor] = [:]
    for (index, cells) in [680, 170, 45].enumerated() {
      outputs["\(900 + index)"] = try counted(scores(cells))
      outputs["\(800 + index)"] = try counted(boxes(cells))
    }
    return outputs
  }

  private func detector(_ outputs: [String: Tensor]) throws -> DetectorOutput {
    try DetectorOutput(outputs: outputs, file: "d.onnx", rows: 272, columns: 160)
  }

  @Test func rowsAndPlanesAreRead() throws {
    let rows = try detector(maps({ [1, $0, 1] }, { [1, $0, 32] }))
    #expect(rows.levels.map(\.grid.stride) == [8, 16, 32])
    #expect(rows.levels.map(\.scores.count) == [680, 170, 45])
    let flat = try detector(maps({ [$0, 1] }, { [$0, 32] }))
    let planes = try maps({ [1, 1, $0] }, { [1, 32, $0] })
    for level in 0..<3 {
      #expect(rows.levels[level].logits.elementsEqual(flat.levels[level].logits))
      let turned = try detector(planes).levels[level]
      let cells = turned.grid.cells
      // Logit 5 of cell 7.
      #expect(turned.logits[7 * 32 + 5] == Float(5 * cells + 7) / Float(32 * cells))
      #expect(turned.scores.elementsEqual(rows.levels[level].scores))
    }
  }

  @Test func otherNetworksAreNoDetectors() throws {
    var outputs = try maps({ [1, $0, 1] }, { [1, $0, 32] })
    outputs["801"] = nil
    let error = #expect(throws: FaceError.self) { try detector(outputs) }
    #expect(error?.description.hasPrefix("d.onnx: expected a face detector with outputs") == true)
    outputs["801"] = try counted([1, 170, 16])
    #expect(throws: FaceError.self) { try detector(outputs) }
    #expect(throws: FaceError.self) { try detector([:]) }
  }

  @Test func landmarksAreRead() throws {
    let angles = try Tensor([0.1, -0.2, 0.3], shape: [1, 3])
    let probability = try Tensor([0.75], shape: [1, 1])
    func estimate(_ shape: Shape) throws -> LandmarkEstimate {
      try LandmarkEstimate(
        outputs: ["a": counted(shape), "b": probability, "c": angles], file: "l.onnx")
    }
    for shape in [[1, 444], [1, 2, 222], [444]] as [Shape] {
      let found = try estimate(shape)
      #expect(found.landmarks[3] == [Double(Float(3) / 444), Double(Float(225) / 444)])
      #expect(found.pitch == Double(Float(0.1)) && found.yaw == Double(Float(-0.2)))
      #expect(found.probability == 0.75)
    }
    #expect(
      try estimate([1, 222, 2]).landmarks[3] == [Double(Float(6) / 444), Double(Float(7) / 444)])
    let error = #expect(throws: FaceError.self) {
      try LandmarkEstimate(outputs: ["a": counted([1, 212])], file: "l.onnx")
    }
    #expect(error?.description.contains("found a [1, 212]") == true)
  }

  // MARK: Inputs

  private func input(
    _ dimensions: [ValueDescription.Dimension]?, dtype: DType? = .f32
  ) -> PictureInput? {
    PictureInput(name: "x", dtype: dtype, dimensions: dimensions, size: (272, 160))
  }

  @Test func sizesAreReadWhereTheyStand() throws {
    let fixed = try #require(input([.fixed(1), .fixed(3), .fixed(320), .fixed(192)]))
    #expect(fixed.rows == 320 && fixed.columns == 192 && fixed.name == "x")
    let open = try #require(
      input([.symbolic("n"), .fixed(3), .symbolic("h"), .symbolic("")], dtype: nil))
    #expect(open.rows == 272 && open.columns == 160 && open.dtype == .f32)
    #expect(input(nil)?.rows == 272)
  }

  @Test func otherInputsAreRefused() {
    #expect(input([.fixed(1), .fixed(272), .fixed(160), .fixed(3)]) == nil)
    #expect(input([.fixed(4), .fixed(3), .fixed(272), .fixed(160)]) == nil)
    #expect(input([.fixed(1), .fixed(3), .fixed(1 << 40), .fixed(160)]) == nil)
    #expect(input([.fixed(1), .fixed(3)]) == nil)
    #expect(input(nil, dtype: .i64) == nil)
  }
}
