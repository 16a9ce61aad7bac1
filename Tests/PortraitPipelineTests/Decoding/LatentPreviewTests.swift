import Checkpoints
import Imaging
import Layers
import MediaIO
import PortraitPipeline
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct LatentPreviewTests {
  private static let channels = 16

  /// An autoencoder whose latents are a linear map of 16 numbers, of which three are colours.
  private struct LinearVAE {
    /// `[channels][channels]`.
    let matrix: [[Double]]
    let offset: [Double]

    init() throws {
      var generator = SeededGenerator(seed: 7)
      func random() -> Double { Double.random(in: -1...1, using: &generator) }
      // Far from singular.
      matrix = (0..<channels).map { row in
        (0..<channels).map { (row == $0 ? 2 : 0) + 0.3 * random() }
      }
      offset = (0..<channels).map { _ in random() }
    }

    /// - Parameter picture: U8 `[rows, columns, 3]`.
    /// - Returns: `[channels, rows, columns]`.
    func latents(_ picture: Tensor, seed: UInt64) throws -> Tensor {
      var generator = SeededGenerator(seed: seed)
      let bytes = try picture.bytes()
      let places = bytes.count / 3
      var values = [Float](repeating: 0, count: channels * places)
      for place in 0..<places {
        let source = (0..<channels).map { index in
          index < 3
            ? Double(bytes[3 * place + index]) / 255 : Double.random(in: -1...1, using: &generator)
        }
        for channel in 0..<channels {
          values[channel * places + place] = Float(
            zip(matrix[channel], source).reduce(offset[channel]) { $0 + $1.0 * $1.1 })
        }
      }
      return try Tensor(values, shape: [channels, picture.shape[0], picture.shape[1]])
    }
  }

  private static func noise(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Tensor {
    let picture = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    var generator = SeededGenerator(seed: seed)
    for index in 0..<picture.count {
      picture.pointer.storeBytes(
        of: UInt8.random(in: 0...255, using: &generator), toByteOffset: index, as: UInt8.self)
    }
    return picture
  }

  /// Every pixel eight times in both directions.
  private static func enlarged(_ picture: Tensor) throws -> Tensor {
    let (rows, columns) = (picture.shape[0], picture.shape[1])
    let result = try Tensor(uninitialized: [8 * rows, 8 * columns, 3], dtype: .u8)
    for row in 0..<8 * rows {
      for column in 0..<8 * columns {
        (result.pointer + (row * 8 * columns + column) * 3).copyMemory(
          from: picture.pointer + (row / 8 * columns + column / 8) * 3, byteCount: 3)
      }
    }
    return result
  }

  @Test func theMapOfALinearAutoencoderIsFound() throws {
    let vae = try LinearVAE()
    let small = try Self.noise(12, 9, seed: 1)
    let map = try LatentColors(
      latents: vae.latents(small, seed: 2), picture: Self.enlarged(small))
    // Another picture through the same autoencoder.
    let other = try Self.noise(5, 7, seed: 3)
    let got = try map(vae.latents(other, seed: 4))
    #expect(got.shape == [5, 7, 3] && got.dtype == .u8)
    let pairs = try zip(got.bytes(), other.bytes())
    let largest = pairs.map { abs(Int($0) - Int($1)) }.max()
    #expect(largest ?? 255 <= 1, "\(String(describing: largest))")
  }

  @Test func latentsThatTellNothingGiveTheMeanColor() throws {
    let picture = try Tensor(uninitialized: [16, 16, 3], dtype: .u8)
    for index in 0..<picture.count {
      picture.pointer.storeBytes(
        of: [40, 120, 200][index % 3], toByteOffset: index, as: UInt8.self)
    }
    let zeros = try Tensor(zeros: [16, 2, 2], dtype: .f32)
    let nan = try Tensor([Float](repeating: .nan, count: 64), shape: [16, 2, 2])
    for latents in [zeros, nan] {
      let map = try LatentColors(latents: latents, picture: picture)
      let bytes = try map(zeros).bytes()
      #expect(bytes == [40, 120, 200, 40, 120, 200, 40, 120, 200, 40, 120, 200])
      #expect(try map(nan).bytes() == [UInt8](repeating: 0, count: 12))
    }
  }

  /// Fewer places than channels: many maps fit, and the one that is chosen does.
  @Test func smallPicturesAreFitted() throws {
    let vae = try LinearVAE()
    let small = try Self.noise(2, 3, seed: 5)
    let latents = try vae.latents(small, seed: 6)
    let got = try LatentColors(latents: latents, picture: small)(latents)
    #expect(try zip(got.bytes(), small.bytes()).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }

  // MARK: Sheets

  /// A map that shows the first channel as grey.
  private static func grey() throws -> LatentColors {
    let picture = try noise(8, 8, seed: 9)
    let bytes = try picture.bytes()
    for place in 0..<64 {
      for index in 1..<3 {
        picture.pointer.storeBytes(
          of: bytes[3 * place], toByteOffset: 3 * place + index, as: UInt8.self)
      }
    }
    var values = [Float](repeating: 0, count: 16 * 64)
    for place in 0..<64 { values[place] = Float(bytes[3 * place]) / 255 }
    return try LatentColors(latents: Tensor(values, shape: [16, 8, 8]), picture: picture)
  }

  /// Latents whose frame number shows as brightness.
  private static func ramp(_ frames: Int, _ rows: Int, _ columns: Int) throws -> Tensor {
    var values = [Float](repeating: 0, count: 16 * frames * rows * columns)
    for frame in 0..<frames {
      for place in 0..<rows * columns {
        values[frame * rows * columns + place] = Float(frame) / Float(max(frames - 1, 1))
      }
    }
    return try Tensor(values, shape: [16, frames, rows, columns])
  }

  /// Brightness of the middle of each picture that is on a sheet.
  private static func middles(
    _ sheet: Tensor, count: Int, inRow: Int, rows: Int, columns: Int
  ) throws -> [Int] {
    let bytes = try sheet.bytes()
    let line = Int(Canvas.textSize("", point: 2).y)
    return (0..<count).map { index in
      let row = line + index / inRow * rows + rows / 2
      return Int(bytes[(row * sheet.shape[1] + index % inRow * columns + columns / 2) * 3])
    }
  }

  @Test(arguments: [(1, 1, 1), (5, 3, 5), (16, 6, 16), (17, 6, 16), (401, 6, 16)])
  func sheetsShowEvenlySpreadFrames(frames: Int, inRow: Int, count: Int) throws {
    let preview = LatentPreview(.linear(try Self.grey()))
    let sheet = try preview.sheet(of: Self.ramp(frames, 40, 40), step: 12)
    let line = Int(Canvas.textSize("", point: 2).y)
    try #require(sheet.shape == [line + (count + inRow - 1) / inRow * 320, inRow * 320, 3])
    let middles = try Self.middles(sheet, count: count, inRow: inRow, rows: 320, columns: 320)
    for (index, middle) in middles.enumerated() {
      let expected = count > 1 ? 255 * index / (count - 1) : 0
      // Half a frame of 17 is 8.
      #expect(abs(middle - expected) <= (count < frames ? 9 : 2), "\(index): \(middle)")
    }
  }

  @Test func labelsTellFrameAndStep() throws {
    let preview = LatentPreview(.linear(try Self.grey()))
    let latents = try Self.ramp(3, 40, 40)
    let sheets = try [1, 2].map { try preview.sheet(of: latents, step: $0) }
    let line = Int(Canvas.textSize("", point: 2).y)
    let (first, second) = (try sheets[0].bytes(), try sheets[1].bytes())
    let head = line * sheets[0].shape[1] * 3
    #expect(!first[..<head].elementsEqual(second[..<head]))
    #expect(first[head...].elementsEqual(second[head...]))
    // What the canvas writes, at the second picture's corner.
    let canvas = try Canvas(copying: sheets[0], order: .rgb)
    canvas.write(
      "frame 4", at: SIMD2(320, Double(line)), point: 2, color: .white, ground: .black)
    canvas.write("step 1", at: .zero, point: 2, color: .white, ground: .black)
    #expect(try canvas.pixels.bytes().elementsEqual(first))
    canvas.write(
      "frame 5", at: SIMD2(320, Double(line)), point: 2, color: .white, ground: .black)
    #expect(try !canvas.pixels.bytes().elementsEqual(first))
  }

  @Test(arguments: [(1, 1), (2, 9), (90, 160), (160, 90)])
  func anySizeFits(size: (Int, Int)) throws {
    let preview = LatentPreview(.linear(try Self.grey()))
    let sheet = try preview.sheet(of: Self.ramp(20, size.0, size.1), step: 0)
    #expect(sheet.shape[0] <= 4000 && sheet.shape[1] <= 4000)
    #expect(sheet.shape[2] == 3)
  }

  /// The frames that are shown look as in a clip that is decoded whole, as far as their few
  /// predecessors decide.
  @Test func theTinyDecoderShowsItsFrames() throws {
    let config = TinyVAEConfig(
      decoderWidths: [12, 8, 8, 8], encoderWidth: nil, latentChannels: 16)
    let decoder = try TinyVAEDecoder(
      config, weights: ProceduralTensorSource(), execution: Execution())
    let latents = try ProceduralWeights.noise("latents", shape: [16, 9, 4, 4], scale: 2)
    let folder = try TemporaryFolder()
    let path = folder.file("preview.png")
    try LatentPreview(.tiny(decoder)).write(latents: latents, step: 3, to: path)
    let sheet = try StillImage.read(path)
    // Nine pictures of 32 x 32; in rows of four they come nearest to a landscape.
    let line = Int(Canvas.textSize("", point: 2).y)
    #expect(sheet.shape == [line + 3 * 32, 4 * 32, 3])
    let whole = try decoder(latents).displayBytes()
    // All are shown, so that each has all of its predecessors.
    for index in 0..<9 {
      let expected = try whole[4 * index].sliced(20..<32).bytes()
      let top = line + index / 4 * 32 + 20
      let got = try sheet.sliced(top..<top + 12)
        .sliced(index % 4 * 32..<index % 4 * 32 + 32, axis: 1).bytes()
      #expect(got == expected, "frame \(index)")
    }
  }

  /// Of a long clip, frames are decoded with two before them.
  @Test func theTinyDecoderSkipsFrames() throws {
    let config = TinyVAEConfig(
      decoderWidths: [12, 8, 8, 8], encoderWidth: nil, latentChannels: 16)
    let decoder = try TinyVAEDecoder(
      config, weights: ProceduralTensorSource(), execution: Execution())
    let latents = try ProceduralWeights.noise("latents", shape: [16, 151, 4, 4], scale: 2)
    let sheet = try LatentPreview(.tiny(decoder)).sheet(of: latents, step: 3)
    let line = Int(Canvas.textSize("", point: 2).y)
    #expect(sheet.shape == [line + 3 * 32, 6 * 32, 3])
    // The eleventh of 16 pictures is of latent frame 100.
    let run = try decoder(latents.sliced(98..<101, axis: 1).contiguous()).displayBytes()
    let expected = try run[8].sliced(20..<32).bytes()
    let got = try sheet.sliced(line + 32 + 20..<line + 64).sliced(4 * 32..<5 * 32, axis: 1).bytes()
    #expect(got == expected)
  }
}
