import Imaging
import TensorCore
import TestSupport
import Testing

@Suite struct CanvasTests {
  private let red = DrawingColor(red: 200, green: 10, blue: 30)

  private func black(_ rows: Int, _ columns: Int) throws -> Tensor {
    try Tensor(zeros: [rows, columns, 3], dtype: .u8)
  }

  /// The red channel as text.
  private func drawing(_ canvas: borrowing Canvas) throws -> [String] {
    let bytes = try canvas.pixels.bytes()
    let columns = canvas.pixels.shape[1]
    return stride(from: 0, to: bytes.count, by: columns * 3).map { row in
      String((0..<columns).map { bytes[row + $0 * 3] > 0 ? "#" : "." })
    }
  }

  @Test func textIsReadable() throws {
    let canvas = try Canvas(copying: black(7, 17), order: .rgb)
    canvas.text("a1?", row: 0, column: 0, color: .white)
    #expect(
      try drawing(canvas) == [
        ".###....#....###.", "#...#..##...#...#", "#...#...#.......#", "#####...#......#.",
        "#...#...#.....#..", "#...#...#........", "#...#..###....#..",
      ])
  }

  @Test func dotsCoverTheirArea() throws {
    let canvas = try Canvas(copying: black(31, 31), order: .rgb)
    canvas.dot(at: [15.3, 14.8], radius: 8, color: .white)
    let sum = try canvas.pixels.bytes().reduce(0.0) { $0 + Double($1) / 255 / 3 }
    #expect(abs(sum - Double.pi * 64) < 2)
  }

  @Test func rectanglesAreOutlines() throws {
    let canvas = try Canvas(copying: black(5, 6), order: .rgb)
    canvas.rectangle(from: [1, 1], to: [4, 3], width: 1, color: red)
    #expect(try drawing(canvas) == ["......", ".####.", ".#..#.", ".####.", "......"])
  }

  @Test func orderOfChannelsCounts() throws {
    for (order, wanted) in [(PixelOrder.rgb, [200, 10, 30]), (.bgr, [30, 10, 200])] {
      let canvas = try Canvas(copying: black(1, 1), order: order)
      canvas.fill(rows: 0..<1, columns: 0..<1, color: red)
      #expect(try canvas.pixels.bytes() == wanted.map(UInt8.init))
    }
  }

  /// Whatever is partly or wholly outside is cut off, and nonsense draws nothing.
  @Test func bordersCut() throws {
    let canvas = try Canvas(copying: black(9, 8), order: .rgb)
    let places = [-1e300, -1e9, -3, 0, 7.9, 1e9, 1e300, .nan, .infinity]
    for x in places {
      for y in places {
        canvas.dot(at: [x, y], radius: 2, color: red)
        canvas.line(from: [x, y], to: [y, x], width: 1, color: red)
        canvas.rectangle(from: [x, y], to: [4, 4], width: 3, color: red)
      }
    }
    for place in [-1 << 40, -20, 3, 100, 1 << 40, Int.max, Int.min] {
      canvas.text("12", row: place, column: place, scale: 3, color: red, background: .black)
    }
    canvas.text("12", row: 0, column: 0, scale: 0, color: red)
    #expect(canvas.pixels.shape.axes == [9, 8, 3])
  }

  @Test func originalStays() throws {
    let picture = try black(3, 3)
    let canvas = try Canvas(copying: picture, order: .rgb)
    canvas.dot(at: [1, 1], radius: 1, color: .white)
    #expect(try picture.bytes().allSatisfy { $0 == 0 })
  }
}
