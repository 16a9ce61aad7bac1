import Foundation

/// PyTorch's CUDA generator: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", 2011) as `torch.randn(device="cuda")` uses it through cuRAND.
///
/// There every thread of the grid owns a subsequence and takes four numbers at a time, for elements
/// that lie a whole grid apart. A grid has 256 threads a block and as many blocks as there are
/// elements to fill, at most those that the GPU can hold at a time. Up to 256 * that many elements
/// the numbers are the same on every GPU; beyond they depend on `blockLimit`.
package struct PhiloxGenerator: RandomGenerator {
  /// The most blocks of a grid: multiprocessors * (threads of each / 256).
  package enum GPU: Sendable {
    case a100, h100
    case other(multiprocessors: Int, threadsPerMultiprocessor: Int)

    var blockLimit: Int {
      switch self {
      case .a100: 108 * 8
      case .h100: 132 * 8
      case .other(let multiprocessors, let threads): multiprocessors * (threads / 256)
      }
    }
  }

  private static let blockThreads = 256

  /// Numbers that a thread takes at a time.
  private static let unroll = 4

  private let seed: UInt64
  private let blockLimit: Int

  /// Numbers that every subsequence has given so far, a multiple of 4.
  private var offset: UInt64 = 0

  /// - Parameter gpu: the one to be like, which matters for more than 221,184 elements (A100).
  package init(seed: UInt64, gpu: GPU = .a100) {
    self.seed = seed
    blockLimit = max(1, gpu.blockLimit)
  }

  package mutating func normal(_ shape: Shape, dtype: DType) throws -> Tensor {
    let count = shape.count
    guard count > 0 else { return try randomTensor([], shape: shape, dtype: dtype) }
    let blocks = min(count.dividedUp(by: Self.blockThreads), blockLimit)
    let threads = blocks * Self.blockThreads
    let rounds = (count - 1) / (threads * Self.unroll) + 1
    var values = [Float](repeating: 0, count: count)
    for round in 0..<rounds {
      let start = round * threads * Self.unroll
      for thread in 0..<min(threads, count - start) {
        let numbers = Self.normals(
          Self.philox(counter: offset / 4 + UInt64(round), subsequence: UInt64(thread), key: seed))
        for part in 0..<Self.unroll {
          let index = start + part * threads + thread
          if index >= count { break }
          values[index] = numbers[part]
        }
      }
    }
    offset += UInt64(rounds * Self.unroll)
    return try randomTensor(values, shape: shape, dtype: dtype)
  }

  /// Four normal numbers from four words (cuRAND `_curand_box_muller`, twice).
  private static func normals(_ words: SIMD4<UInt32>) -> SIMD4<Float> {
    let first = boxMuller(words.x, words.y)
    let second = boxMuller(words.z, words.w)
    return SIMD4(first.x, first.y, second.x, second.y)
  }

  private static func boxMuller(_ x: UInt32, _ y: UInt32) -> SIMD2<Float> {
    let turn: Float = 2 * .pi * 0x1p-32
    let u = Float(x) * 0x1p-32 + 0x1p-33
    let v = (turn / 2).addingProduct(Float(y), turn)
    let radius = (-2 * log(Double(u))).squareRoot()
    return SIMD2(Float(radius * sin(Double(v))), Float(radius * cos(Double(v))))
  }

  /// Ten rounds of the block cipher.
  private static func philox(
    counter: UInt64, subsequence: UInt64, key: UInt64
  ) -> SIMD4<UInt32> {
    var words = SIMD4(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: subsequence), UInt32(truncatingIfNeeded: subsequence >> 32))
    var low = UInt32(truncatingIfNeeded: key)
    var high = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let first = UInt64(words.x) * 0xd251_1f53
      let second = UInt64(words.z) * 0xcd9e_8d57
      words = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ words.y ^ low,
        UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ words.w ^ high,
        UInt32(truncatingIfNeeded: first))
      low &+= 0x9e37_79b9
      high &+= 0xbb67_ae85
    }
    return words
  }
}
