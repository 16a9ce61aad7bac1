import Foundation
import TensorCore
import Testing

/// Against PyTorch: scripts/reference/check_resample.py writes the fixture.
@Suite struct ResamplingTests {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let mode: String
    let input: [Int], output: [Int]
    let scale: Double?
    let alignCorners: Bool
    let values: [Float]

    var testDescription: String {
      "\(mode) \(input) to \(output)\(scale == nil ? "" : " by factor")\(alignCorners ? " corners" : "")"
    }

    var filter: ResamplingFilter {
      mode == "nearest" ? .nearest : mode == "bicubic" ? .cubic : .linear
    }

    /// The numbers that the script makes.
    var image: Tensor {
      get throws {
        let shape = Shape(input)
        return try Tensor(
          (0..<shape.count).map { Float($0 * 37 % 101) / 64 - 0.5 }, shape: shape)
      }
    }
  }

  static let cases: [Case] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/resample.json")
    do {
      return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    } catch {
      Issue.record("\(file.path): \(error)")
      return []
    }
  }()

  /// PyTorch's own results are up to 7e-7 from what it makes of the images in float64, since its
  /// cubic weights are computed in float32.
  private let bound: Float = 1e-6

  @Test(arguments: cases.filter { $0.mode != "trilinear" }) func planes(_ test: Case) throws {
    let image = try test.image
    for result in try TestTensors.resultsOfLevels({ context in
      guard let scale = test.scale else {
        return try image.resampled(
          height: test.output[1], width: test.output[2], filter: test.filter,
          alignCorners: test.alignCorners, on: context)
      }
      return try image.resampled(
        by: scale, filter: test.filter, alignCorners: test.alignCorners, on: context)
    }) {
      #expect(result.shape.axes == test.output)
      try TestTensors.expectClose(result, test.values, absolute: bound)
    }
  }

  @Test(arguments: cases.filter { $0.mode != "trilinear" && $0.scale == nil })
  func channelsLast(_ test: Case) throws {
    let image = try test.image.permuted([1, 2, 0])
    for result in try TestTensors.resultsOfLevels({
      try image.resampled(
        height: test.output[1], width: test.output[2], filter: test.filter,
        alignCorners: test.alignCorners, layout: .channelsLast, on: $0)
    }) {
      try TestTensors.expectClose(result.permuted([2, 0, 1]), test.values, absolute: bound)
    }
  }

  @Test(arguments: cases.filter { $0.mode == "trilinear" }) func volumes(_ test: Case) throws {
    let image = try test.image
    for result in try TestTensors.resultsOfLevels({
      try image.resampledTrilinear(
        depth: test.output[1], height: test.output[2], width: test.output[3],
        alignCorners: test.alignCorners, on: $0)
    }) {
      try TestTensors.expectClose(result, test.values, absolute: bound)
    }
  }

  @Test func theFixtureIsThere() { #expect(Self.cases.count == 32) }

  @Test func unfitImagesAreRefused() throws {
    let image = try TestTensors.tensor([3, 4])
    #expect(throws: TensorError.self) {
      try image.resampled(height: 2, width: 2, filter: .linear, layout: .channelsLast)
    }
    #expect(throws: TensorError.self) { try image.resampled(by: 0, filter: .linear) }
    #expect(throws: TensorError.self) { try image.resampled(by: 1e300, filter: .linear) }
    #expect(throws: TensorError.self) {
      try image.resampled(height: -1, width: 2, filter: .nearest)
    }
    #expect(throws: TensorError.self) {
      try Tensor([], shape: [0, 4]).resampled(height: 2, width: 2, filter: .nearest)
    }
  }
}
