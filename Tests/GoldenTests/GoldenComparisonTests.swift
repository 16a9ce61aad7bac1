import Checkpoints
import TensorCore
import TestSupport
import Testing

/// How tensors are compared with those of a golden file.
@Suite struct GoldenComparisonTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func golden(
    _ tensors: [(String, Tensor)], config: String = "", tolerance: String = ""
  ) throws -> Golden {
    let path = folder.file("case.safetensors")
    try SafetensorsWriter.write(
      tensors, to: path,
      metadata: [
        "config": #"{"kind":"any"\#(config)}"#,
        "tolerance": #"{\#(tolerance)"default":{"atol":0.5,"rtol":0}}"#,
      ])
    return try Golden(path: path)
  }

  /// 0, 1, 2, ... in row-major order.
  private func counted(_ shape: Shape) throws -> Tensor {
    try Tensor((0..<shape.count).map(Float.init), shape: shape)
  }

  // MARK: Slices

  @Test(
    arguments: [
      ("[:, ::2]", [2, 3], [0, 2, 4, 5, 7, 9]),
      ("[1, 1::3]", [2], [6, 9]),
      ("[-1, :]", [5], [5, 6, 7, 8, 9]),
      ("[:1, -2:]", [1, 2], [3, 4]),
      ("[0:9, 1:2]", [2, 1], [1, 6]),
      ("[:, 3:2]", [2, 0], []),
    ] as [(String, [Int], [Float])])
  func slicesAreThoseOfPython(text: String, shape: [Int], values: [Float]) throws {
    let slices = try TensorSlices(text)
    let got = try slices.of(counted([2, 5]))
    #expect(got.shape == Shape(shape))
    #expect(try got.floats() == values)
  }

  @Test(arguments: ["", "[", ":", "[a]", "[]", "[::0]", "[::-1]", "[1:2:3:4]", "[:,]", "[1:b]"])
  func unreadableSlicesAreRefused(text: String) {
    #expect(throws: TensorSlices.Failure.unreadable(text)) { try TensorSlices(text) }
  }

  @Test func slicesThatDoNotFitAreRefused() throws {
    let tensor = try counted([2, 5])
    for text in ["[:]", "[:, :, :]", "[2, :]", "[:, -6]"] {
      #expect(throws: TensorSlices.Failure.outside(slices: text, shape: [2, 5])) {
        try TensorSlices(text).of(tensor)
      }
    }
  }

  @Test func storedTensorsMayBeThinnedOut() throws {
    let whole = try counted([1, 4, 6])
    let thin = try TensorSlices("[:, ::2, 1]").of(whole)
    let golden = try golden(
      [("state.block0", thin), ("output.row_3", thin), ("output.whole", whole)],
      config: #","subsample":{"state.block*, output.row":"[:, ::2, 1]","output.whole":"every one"}"#
    )
    for name in ["state.block0", "output.row_3"] {
      #expect(try golden.difference(whole, from: name) == nil)
      // The batch axis may be missing.
      #expect(try golden.difference(whole.reshaped([4, 6]), from: name) == nil)
      #expect(try golden.difference(thin, from: name) != nil)
    }
    #expect(try golden.difference(whole, from: "output.whole") == nil)
    #expect(golden.notCompared(prefixes: ["state.", "output."]) == [])
  }

  // MARK: Inputs

  @Test func inputsAreStoredOrMadeByFormula() throws {
    let golden = try golden(
      [("input.a", try counted([3]))],
      config: #","procedural_inputs":{"input.b":{"name":"case.b","shape":[2,5],"scale":3}}"#)
    #expect(try golden.input("input.a").floats() == [0, 1, 2])
    let b = try golden.input("input.b")
    #expect(b.shape == [2, 5])
    #expect(try b.floats() == ProceduralWeights.noise("case.b", shape: [2, 5], scale: 3).floats())
    #expect(golden.hasInput("input.b") && !golden.hasInput("input.c"))
    #expect(throws: Golden.Failure.noInput(golden: "case", name: "input.c")) {
      try golden.input("input.c")
    }
  }

  // MARK: Bounds

  @Test func theFirstMatchingToleranceCounts() throws {
    let golden = try golden(
      [("output.exact", try counted([3]))],
      tolerance: #""output.e*":{"atol":0.25,"rtol":0},"output.exact":{"atol":9,"rtol":0},"#)
    #expect(golden.tolerance(of: "output.exact").absolute == 0.25)
    #expect(golden.tolerance(of: "output.other").absolute == 0.5)
    #expect(try golden.difference([0, 1, 2.5], from: "output.exact") != nil)
    #expect(try golden.difference([0, 1, 2.25], from: "output.exact") == nil)
  }

  @Test func sharesCountBesidesTheBoundOnEach() throws {
    let golden = try golden(
      [("output.x", try counted([4]))],
      tolerance: #""output.x":{"atol":3,"rtol":0,"share_over":[1,0.25]},"#)
    #expect(try golden.difference([0, 1, 2, 6], from: "output.x") == nil)
    // Two of four by more than 1; one by more than 3.
    #expect(try golden.difference([0, 1, 4, 5], from: "output.x") != nil)
    #expect(try golden.difference([0, 1, 2, 6.5], from: "output.x") != nil)
  }

  @Test func shapesAndCountsCount() throws {
    let golden = try golden([("output.y", try counted([2, 3]))])
    #expect(try golden.difference(counted([3, 2]), from: "output.y") != nil)
    #expect(try golden.difference([0, 1], from: "output.y") != nil)
    #expect(try golden.difference(counted([1, 2, 3]), from: "output.y") != nil)
  }

  @Test func notANumberPassesNoBound() {
    let bound = GoldenTolerances.Bound(absolute: 1e30, relative: 1e30)
    #expect(Comparison([1, .nan], [1, 2], bound).failure != nil)
    #expect(Comparison([.nan, 1], [1, 2], bound).failure != nil)
    #expect(Comparison([1, 2], [1, .nan], bound).failure != nil)
    #expect(Comparison([.nan, .infinity], [.nan, .infinity], bound).failure == nil)
    #expect(Comparison.relativeError([.nan], [1]).isNaN)
  }

  @Test func relativeErrors() throws {
    #expect(Comparison.relativeError([3, 4], [3, 4]) == 0)
    #expect(Comparison.relativeError([0, 0], [3, 4]) == 1)
    #expect(Comparison.relativeError([1], [0]) == .infinity)
    let want = try Tensor([3, 4], shape: [2])
    let off = try Tensor([3.3, 4.4], shape: [2])
    let golden = try golden([
      ("output.x", want), ("output.y", want), ("bf16.output.y", try Tensor([3, 4.2], shape: [2])),
    ])
    #expect(try golden.difference(off, from: "output.x", relativeError: 0.11) == nil)
    #expect(try golden.difference(off, from: "output.x", relativeError: 0.09) != nil)
    // The other implementation is 0.04 off, which allows 0.06.
    #expect(try golden.difference(off, from: "output.y", relativeError: 0.11) != nil)
    let better = try Tensor([3, 4.29], shape: [2])
    #expect(try golden.difference(better, from: "output.y", relativeError: 0.11) == nil)
    #expect(
      try golden.difference(
        try Tensor([.nan, 4], shape: [2]), from: "output.x", relativeError: 9) != nil)
  }
}
