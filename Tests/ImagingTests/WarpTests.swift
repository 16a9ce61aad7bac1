import Imaging
import TensorCore
import TestSupport
import Testing

/// What cases against OpenCV (golden kind `picture_warp`) do not show.
@Suite struct WarpTests {
  private func noise(_ rows: Int, _ columns: Int, seed: UInt64 = 1) throws -> Tensor {
    var generator = SeededGenerator(seed: seed)
    let picture = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    for place in 0..<picture.count {
      picture.pointer.storeBytes(
        of: UInt8.random(in: 0...255, using: &generator),
        toByteOffset: place, as: UInt8.self)
    }
    return picture
  }

  @Test(arguments: WarpFilter.allCases) func identityChangesNothing(_ filter: WarpFilter) throws {
    let picture = try noise(19, 23)
    let affine = try picture.warped(
      by: AffineMatrix.identity, rows: 19, columns: 23, filter: filter)
    let projective = try picture.warped(
      by: Homography.identity, rows: 19, columns: 23, filter: filter)
    let bytes = try picture.bytes()
    #expect(try affine.bytes().elementsEqual(bytes))
    #expect(try projective.bytes().elementsEqual(bytes))
  }

  /// Whole steps move pixels; what comes from outside is 0.
  @Test(arguments: WarpFilter.allCases) func translationMovesPixels(_ filter: WarpFilter) throws {
    let picture = try noise(8, 9)
    let moved = try picture.warped(
      by: .translation([2, -3]), rows: 8, columns: 9, filter: filter
    ).bytes()
    let bytes = try picture.bytes()
    let wanted = (0..<8 * 9 * 3).map { place -> UInt8 in
      let (row, column) = (place / 27 + 3, place / 3 % 9 - 2)
      return row < 8 && column >= 0 ? bytes[(row * 9 + column) * 3 + place % 3] : 0
    }
    #expect(moved.elementsEqual(wanted))
  }

  @Test func threadsDoNotMatter() throws {
    let picture = try noise(90, 70)
    let matrix = AffineMatrix(x: [0.8, 0.3, -4.2], y: [-0.25, 0.9, 11.7])
    let results = try [1, 4].map { threads in
      let context = try ComputeContext(instructionSet: .best, threadCount: threads)
      return try picture.warped(by: matrix, rows: 100, columns: 80, filter: .cubic, on: context)
        .bytes()
    }
    #expect(results[0].elementsEqual(results[1]))
  }

  static let degenerate: [[Double]] = [
    [0, 0, 0, 0, 0, 0], [1, 2, 3, 2, 4, 5], [.nan, 0, 0, 0, 1, 0], [.infinity, 0, 0, 0, 1, 0],
    [1, 0, .nan, 0, 1, 0], [1, 0, -.infinity, 0, 1, 0], [1e-300, 0, 0, 0, 1e-300, 0],
    [1, 0, 1e300, 0, 1, 0],
  ]

  /// Maps without an inverse, and those that bring nothing into sight, give black.
  @Test(arguments: degenerate) func degenerateMapsGiveBlack(_ elements: [Double]) throws {
    let picture = try noise(5, 6)
    for filter in WarpFilter.allCases {
      let affine = try picture.warped(
        by: AffineMatrix(elements), rows: 7, columns: 8, filter: filter)
      let projective = try picture.warped(
        by: Homography(elements + [0, 0, 1]), rows: 7, columns: 8, filter: filter)
      #expect(try affine.bytes().allSatisfy { $0 == 0 })
      #expect(try projective.bytes().allSatisfy { $0 == 0 })
    }
  }

  /// A pixel that comes from infinity is taken from the first one, as by OpenCV.
  @Test func infinityIsTheFirstPixel() throws {
    let picture = try noise(6, 7)
    // Its inverse divides by column - 2.
    let map = Homography([1, 0, 0, 0, 1, 0, 0.5, 0, -0.5])
    let warped = try picture.warped(by: map, rows: 5, columns: 4, filter: .linear).bytes()
    let first = try picture.bytes().prefix(3)
    for row in 0..<5 {
      #expect(warped[(row * 4 + 2) * 3..<(row * 4 + 3) * 3].elementsEqual(first))
    }
  }

  /// Numbers of any size neither trap nor hang.
  @Test func extremeMapsDoNotTrap() throws {
    let picture = try noise(5, 6)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<3000 {
      let elements = (0..<9).map { _ -> Double in
        Bool.random(using: &generator)
          ? Double(bitPattern: generator.next())
          : [0, 1, -1, 1e18, -1e18, 1e-18].randomElement(using: &generator)!
      }
      for filter in WarpFilter.allCases {
        _ = try picture.warped(
          by: AffineMatrix(Array(elements.prefix(6))), rows: 3, columns: 4, filter: filter)
        _ = try picture.warped(by: Homography(elements), rows: 3, columns: 4, filter: filter)
      }
    }
  }

  @Test func otherTensorsAreRefused() throws {
    for (shape, dtype) in [
      ([4, 4], DType.u8), ([4, 4, 4], .u8), ([4, 4, 3], .f32), ([0, 4, 3], .u8),
    ] {
      let tensor = try Tensor(zeros: Shape(shape), dtype: dtype)
      #expect(throws: ImagingError.self) {
        try tensor.warped(by: AffineMatrix.identity, rows: 2, columns: 2, filter: .linear)
      }
    }
    let picture = try noise(2, 2)
    for (rows, columns) in [(-1, 2), (2, 1 << 40)] {
      #expect(throws: ImagingError.self) {
        try picture.warped(
          by: AffineMatrix.identity, rows: rows, columns: columns, filter: .linear)
      }
    }
    let nothing = try picture.warped(
      by: AffineMatrix.identity, rows: 0, columns: 3, filter: .linear)
    #expect(nothing.shape.axes == [0, 3, 3])
  }

  @Test func mapsCompose() throws {
    let first = AffineMatrix(x: [0.8, 0.3, -4.2], y: [-0.25, 0.9, 11.7])
    let second = AffineMatrix.scaling(2).followed(by: .translation([1, -2]))
    let point = SIMD2(3.5, -7.25)
    let both = first.followed(by: second)
    #expect(abs((both(point) - second(first(point))).x) < 1e-12)
    let inverse = try #require(both.inverse)
    let back = inverse(both(point))
    #expect(abs(back.x - point.x) + abs(back.y - point.y) < 1e-12)
    let tilted = Homography(x: [1, 0.2, 3], y: [-0.1, 0.9, 4], w: [1e-3, -2e-3, 1])
    let there = tilted.followed(by: Homography(both))(point)
    #expect(abs((there - both(tilted(point))).y) < 1e-10)
    let untilted = try #require(tilted.inverse)
    let home = untilted(tilted(point))
    #expect(abs(home.x - point.x) + abs(home.y - point.y) < 1e-10)
  }
}
