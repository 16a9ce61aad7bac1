import Imaging
import TensorCore
import Testing

@Suite struct CanvasTests {
  private func grey(rows: Int, columns: Int) throws -> Tensor {
    let picture = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    picture.pointer.initializeMemory(as: UInt8.self, repeating: 100, count: picture.count)
    return picture
  }

  private func pixel(_ picture: Tensor, _ row: Int, _ column: Int) -> [UInt8] {
    let base = picture.pointer.assumingMemoryBound(to: UInt8.self)
    return (0..<3).map { base[3 * (row * picture.shape[1] + column) + $0] }
  }

  @Test func rectanglesHaveTheirCornersAndOrder() throws {
    let source = try grey(rows: 6, columns: 8)
    for (order, expected) in [(PixelOrder.rgb, [10, 20, 30]), (.bgr, [30, 20, 10])] {
      let canvas = try Canvas(copying: source, order: order)
      canvas.strokeRectangle(
        from: [1, 1], to: [7, 5], thickness: 1, color: Color(red: 10, green: 20, blue: 30))
      for row in 0..<6 {
        for column in 0..<8 {
          let isEdge =
            (1...4).contains(row) && (1...6).contains(column)
            && (row == 1 || row == 4 || column == 1 || column == 6)
          let want = isEdge ? expected.map(UInt8.init) : [100, 100, 100]
          #expect(pixel(canvas.pixels, row, column) == want, "row \(row), column \(column)")
        }
      }
    }
    #expect(pixel(source, 1, 1) == [100, 100, 100])
  }

  @Test func discsAreRoundAndSmooth() throws {
    let canvas = try Canvas(copying: grey(rows: 11, columns: 11), order: .rgb)
    canvas.fillDisc(center: [5, 5], radius: 3, color: .white)
    #expect(pixel(canvas.pixels, 5, 5) == [255, 255, 255])
    #expect(pixel(canvas.pixels, 5, 7) == [255, 255, 255])
    // The edge runs through the middle of this pixel.
    #expect(pixel(canvas.pixels, 5, 8) == [178, 178, 178])
    #expect(pixel(canvas.pixels, 5, 9) == [100, 100, 100])
    #expect(pixel(canvas.pixels, 8, 8) == [100, 100, 100])
    for offset in -4...4 {
      #expect(pixel(canvas.pixels, 5, 5 + offset) == pixel(canvas.pixels, 5 + offset, 5))
    }
  }

  @Test func lettersAreDrawnOnTheirGround() throws {
    let size = Canvas.textSize("1", point: 2)
    #expect(size == [14, 18])
    let canvas = try Canvas(copying: grey(rows: 20, columns: 16), order: .rgb)
    canvas.write("1", at: [1, 1], point: 2, color: .white, ground: .black)
    // The digit's foot: its three middle points of five, two pixels each.
    let foot = (0..<16).map { pixel(canvas.pixels, 1 + 2 * 7, $0)[0] }
    #expect(foot == [100, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 100])
    let small = try Canvas(copying: grey(rows: 10, columns: 20), order: .rgb)
    let capital = try Canvas(copying: grey(rows: 10, columns: 20), order: .rgb)
    small.write("cut", at: [0, 0], point: 1, color: .white, ground: .black)
    capital.write("CUT", at: [0, 0], point: 1, color: .white, ground: .black)
    #expect(try small.pixels.floats().elementsEqual(capital.pixels.floats()))
  }

  @Test func whatLiesOutsideIsCutOff() throws {
    let canvas = try Canvas(copying: grey(rows: 4, columns: 4), order: .rgb)
    canvas.fillRectangle(from: [-1e300, -5], to: [2, 1e300], color: .black)
    #expect(pixel(canvas.pixels, 0, 1) == [0, 0, 0])
    #expect(pixel(canvas.pixels, 3, 2) == [100, 100, 100])
    canvas.fillDisc(center: [.nan, 1], radius: 2, color: .white)
    canvas.fillDisc(center: [2, 2], radius: .infinity, color: .white)
    canvas.write("8", at: [-3, 2], point: 3, color: .white, ground: .black)
    canvas.strokeRectangle(from: [3, 3], to: [0, 0], thickness: 1, color: .black)
    #expect(throws: ImagingError.self) {
      _ = try Canvas(copying: Tensor([1, 2], shape: [2]), order: .rgb)
    }
  }
}
