import Foundation

/// PyTorch's CPU generator: Mersenne Twister (mt19937) with the ways in which `torch.randn` turns
/// its draws into normal numbers (ATen `normal_fill`, `normal_distribution`).
///
/// Numbers agree with PyTorch's to about 3e-7; its own differ as much between processors, for the
/// logarithm and the sine come from vector approximations there.
package struct MersenneGenerator: RandomGenerator {
  private static let size = 624
  private static let shift = 397

  private var state: [UInt32]
  private var place = Self.size

  /// The sine of the last pair of the short form, where it was not used.
  private var spare: Double?

  /// Blocks of the long form.
  private static let block = 16

  /// - Parameter seed: only the low 32 bits count, as in PyTorch.
  package init(seed: UInt64) {
    state = [UInt32](repeating: 0, count: Self.size)
    state[0] = UInt32(truncatingIfNeeded: seed)
    for index in 1..<Self.size {
      let last = state[index - 1]
      state[index] = 1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index)
    }
  }

  package mutating func normal(_ shape: Shape, dtype: DType) throws -> Tensor {
    let values =
      shape.count < Self.block
      ? (0..<shape.count).map { _ in Float(nextNormal()) }
      : blocks(shape.count, uniformForEvery: dtype == .f32)
    return try randomTensor(values, shape: shape, dtype: dtype)
  }

  // MARK: Short form

  /// One number from float64 arithmetic; they are made in pairs.
  private mutating func nextNormal() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    let turn = 2 * Double.pi * uniform53()
    let radius = (-2 * log1p(-uniform53())).squareRoot()
    spare = radius * sin(turn)
    return radius * cos(turn)
  }

  private mutating func uniform53() -> Double {
    let high = UInt64(draw())
    return Double((high << 32 | UInt64(draw())) & (1 << 53 - 1)) * 0x1p-53
  }

  // MARK: Long form

  /// At least 16 numbers, in blocks of 16; what is left over makes the last 16 be drawn anew.
  ///
  /// - Parameter uniformForEvery: float32 draws a uniform for every element first, bfloat16 only
  ///   for the whole blocks.
  private mutating func blocks(_ count: Int, uniformForEvery: Bool) -> [Float] {
    let whole = count / Self.block * Self.block
    var values = [Float](repeating: 0, count: count)
    for index in 0..<(uniformForEvery ? count : whole) { values[index] = uniform24() }
    for start in stride(from: 0, to: whole, by: Self.block) { Self.transform(&values, start) }
    if whole < count {
      let start = count - Self.block
      for index in start..<count { values[index] = uniform24() }
      Self.transform(&values, start)
    }
    return values
  }

  private mutating func uniform24() -> Float { Float(draw() & 0xff_ffff) * 0x1p-24 }

  /// Box-Muller on one block: the first eight are radii, the last eight angles.
  private static func transform(_ values: inout [Float], _ start: Int) {
    for index in start..<(start + block / 2) {
      // 1 - u lies in (0, 1] and is exact.
      let radius = (-2 * log(Double(1 - values[index]))).squareRoot()
      let turn = 2 * Double.pi * Double(values[index + block / 2])
      values[index] = Float(radius * cos(turn))
      values[index + block / 2] = Float(radius * sin(turn))
    }
  }

  // MARK: Mersenne Twister

  private mutating func draw() -> UInt32 {
    if place == Self.size { twist() }
    var value = state[place]
    place += 1
    value ^= value >> 11
    value ^= (value << 7) & 0x9d2c_5680
    value ^= (value << 15) & 0xefc6_0000
    return value ^ (value >> 18)
  }

  private mutating func twist() {
    for index in 0..<Self.size {
      let next = state[index + 1 == Self.size ? 0 : index + 1]
      let joined = (state[index] & 0x8000_0000) | (next & 0x7fff_ffff)
      let other = index + Self.shift
      state[index] =
        state[other < Self.size ? other : other - Self.size] ^ (joined >> 1)
        ^ (joined & 1 == 0 ? 0 : 0x9908_b0df)
    }
    place = 0
  }
}
