import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Random convolutions against PyTorch's results, written by
/// scripts/reference/check_convolution.py.
@Suite struct ConvolutionReferenceTests {
  /// One convolution of the file, as the script describes it; axes are the tensor's own.
  struct Case: Decodable, Sendable {
    let transposed: Bool
    let groups: Int
    let stride, dilation, before, after: [Int]
    let arithmetic: String
    let normalizes: Bool
    let activation: String
    let upsampling: Int
    let residual: Bool
    let tolerance: Float

    var geometry: ConvolutionGeometry {
      ConvolutionGeometry(
        stride: Self.axes(stride, 1), paddingBefore: Self.axes(before, 0),
        paddingAfter: Self.axes(transposed ? before : after, 0), dilation: Self.axes(dilation, 1),
        groups: groups, isTransposed: transposed,
        outputPadding: transposed ? Self.axes(after, 0) : .zero, upsampling: upsampling)
    }

    static func axes(_ values: [Int], _ fill: Int) -> SIMD3<Int> {
      let all = [Int](repeating: fill, count: 3 - values.count) + values
      return SIMD3(all[0], all[1], all[2])
    }
  }

  private struct Configuration: Decodable { let cases: [Case] }

  /// The fixture, or the file that FLASHPORTRAIT_CONVOLUTION_CASES names.
  static var path: String {
    ProcessInfo.processInfo.environment["FLASHPORTRAIT_CONVOLUTION_CASES"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/convolution.safetensors").path
  }

  @Test(arguments: InstructionSet.available)
  func matchesPyTorch(level: InstructionSet) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let file = try SafetensorsFile(path: Self.path)
    let cases = try JSONDecoder().decode(
      Configuration.self, from: Data(try #require(file.metadata["config"]).utf8)
    ).cases
    #expect(cases.count >= 30)
    for (index, test) in cases.enumerated() {
      let got = try Self.result(of: test, index, file, context)
      let want = try file.tensor(Self.name(index, "output"))
      #expect(got.shape == want.shape, "case \(index): \(test)")
      let comparison = Comparison(
        try got.floats(), try want.floats(), .init(absolute: test.tolerance, relative: 0))
      #expect(comparison.failure == nil, "case \(index): \(comparison.failure ?? ""), \(test)")
    }
  }

  static func name(_ index: Int, _ part: String) -> String {
    String(format: "%03d.", index) + part
  }

  /// The convolution of a case, in PyTorch's order of axes.
  static func result(
    of test: Case, _ index: Int, _ file: SafetensorsFile, _ context: ComputeContext
  ) throws -> Tensor {
    func tensor(_ part: String) throws -> Tensor? {
      let name = name(index, part)
      return file.entries.contains { $0.name == name } ? try file.tensor(name) : nil
    }
    let convolution = try Convolution(
      weight: try #require(try tensor("weight")), bias: try tensor("bias"),
      geometry: test.geometry, arithmetic: try #require(Arithmetic(rawValue: test.arithmetic)),
      on: context)
    let prologue = PixelPrologue(
      normalizes: test.normalizes, multiply: try tensor("multiply"), add: try tensor("add"),
      activation: test.activation == "silu" ? .silu : test.activation == "relu" ? .relu : .none)
    let input = try #require(try tensor("input"))
    let result = try convolution(
      clip(input, context), prologue: prologue,
      epilogue: .init(residual: try tensor("residual").map { try clip($0, context) }))
    let axes = Array(result.shape.axes.dropLast().suffix(input.shape.rank - 1))
    return try result.channelsFirst(on: context).reshaped(Shape([result.shape[3]] + axes))
  }

  /// `[channels, ...]` as `[frames, rows, columns, channels]`.
  static func clip(_ tensor: Tensor, _ context: ComputeContext) throws -> Tensor {
    let ones = [Int](repeating: 1, count: 4 - tensor.shape.rank)
    let axes = [tensor.shape[0]] + ones + tensor.shape.axes.dropFirst()
    return try tensor.reshaped(Shape(axes)).channelsLast(on: context)
  }
}
