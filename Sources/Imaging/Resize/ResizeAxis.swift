/// What the outputs along one axis take of the inputs, in fixed point.
struct ResizeAxis: Sendable {
  /// Bits behind the point of the weights.
  static let bits: Int32 = 22

  let outputs: Int
  /// The first input of each output, and how many follow.
  let first: [Int]
  let counts: [Int]
  /// `width` for each output, the first `counts` of which are used.
  let weights: [Int32]
  let width: Int

  /// The inputs that are used at all.
  var range: Range<Int> {
    first[0]..<(zip(first, counts).map { $0 + $1 }.max() ?? 0)
  }

  /// - Parameters:
  ///   - inputs: at least 1; `outputs` likewise.
  init(inputs: Int, outputs: Int, filter: ResizeFilter) {
    let scale = Double(inputs) / Double(outputs)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    let shrink = 1 / stretch
    width = min(Int(support.rounded(.up)) * 2 + 1, inputs)
    self.outputs = outputs
    var first: [Int] = []
    var counts: [Int] = []
    var weights: [Int32] = []
    weights.reserveCapacity(outputs * width)
    for output in 0..<outputs {
      let center = (Double(output) + 0.5) * scale
      let start = max(Int(center - support + 0.5), 0)
      let end = min(Int(center + support + 0.5), inputs)
      let exact = (start..<max(start, end)).map {
        filter.weight(at: (Double($0) - center + 0.5) * shrink)
      }
      let sum = exact.reduce(0, +)
      first.append(start)
      counts.append(exact.count)
      weights += exact.map { Self.fixed(sum == 0 ? $0 : $0 / sum) }
      weights += Array(repeating: 0, count: width - exact.count)
    }
    self.first = first
    self.counts = counts
    self.weights = weights
  }

  /// Rounded half away from zero.
  private static func fixed(_ weight: Double) -> Int32 {
    let scaled = weight * Double(Int32(1) << bits)
    return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
  }

  /// A sum of weighted bytes, with `half` in it, as a byte.
  @inline(__always)
  static func rounded(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(sum >> bits, 0), 255))
  }

  static let half: Int32 = 1 << (bits - 1)
}
