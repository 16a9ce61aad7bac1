import Diffusion
import TensorCore
import Testing

@Suite struct LayerSampleTests {
  /// The rows and channels of a sample, read from hidden states that hold their own numbers.
  private func places(_ sample: LayerSample) throws -> [(row: Int, channel: Int)] {
    let elements = sample.rows * sample.width
    precondition(elements < 1 << 24, "numbers that float32 does not hold")
    let hidden = try Tensor((0..<elements).map { Float($0) }, shape: [sample.rows, sample.width])
    // A layer's place in a larger tensor: nothing beside it is written.
    let layers = try Tensor(
      [Float](repeating: -1, count: 3 * sample.count), shape: [3, sample.count])
    sample.copy(hidden, into: layers[1])
    let (before, after) = (try layers[0].floats(), try layers[2].floats())
    #expect((before + after).allSatisfy { $0 == -1 })
    return try layers[1].floats().map { value in
      (Int(value) / sample.width, Int(value) % sample.width)
    }
  }

  /// Every channel equally often, of tokens at equal distances.
  @Test(arguments: [(768, 5120), (768, 1536), (300, 128), (240, 5120), (256, 64), (24, 64)])
  func spread(rows: Int, width: Int) throws {
    let sample = LayerSample(rows: rows, width: width)
    let places = try places(sample)
    var channels = [Int](repeating: 0, count: width)
    for place in places { channels[place.channel] += 1 }
    #expect(Set(channels).count == 1 && channels[0] > 0)
    let tokens = Set(places.map(\.row)).sorted()
    #expect(tokens.count <= 256 && places.count % tokens.count == 0)
    let distances = Set(zip(tokens.dropFirst(), tokens).map { $0 - $1 })
    #expect(distances.count <= 2 && (distances.max() ?? 0) - (distances.min() ?? 0) <= 1)
    // As far from the first row as from the last.
    #expect(abs(tokens[0] - (rows - 1 - tokens[tokens.count - 1])) <= 1)
    #expect(Set(places.map { $0.row * width + $0.channel }).count == sample.count)
  }

  /// Nothing is left out that need not be, and channels that do not divide are nearly even.
  @Test(arguments: [(1, 1), (1, 5120), (24, 5120), (3, 97), (300, 97), (10, 20000), (700, 20000)])
  func oddSizes(rows: Int, width: Int) throws {
    let sample = LayerSample(rows: rows, width: width)
    #expect(sample.count > 0 && sample.count <= rows * width)
    let places = try places(sample)
    #expect(Set(places.map { $0.row * width + $0.channel }).count == sample.count)
    var channels = [Int](repeating: 0, count: width)
    for place in places { channels[place.channel] += 1 }
    let covered = channels.filter { $0 > 0 }.count
    #expect(covered * 20 >= width * 19)
    #expect((channels.max() ?? 0) <= 2 * (places.count / width + 1))
  }

  /// The samples of 40 layers are far less than a small window's hidden states.
  @Test func memory() {
    let sample = LayerSample(rows: 768, width: 5120)
    #expect(40 * sample.count * 6 < 768 * 5120)
    #expect(LayerSample(rows: 80_000, width: 5120).count == sample.count)
  }
}
