import Foundation
import TensorCore
import Testing

@Suite struct BlockCacheTests {
  private func block(_ byteCount: Int) throws -> UnsafeMutableRawPointer {
    try #require(malloc(byteCount))
  }

  @Test func blocksOfTheSameSizeComeBack() throws {
    let cache = BlockCache(limit: 1000)
    #expect(cache.take(byteCount: 100) == nil)
    let first = try block(100)
    let second = try block(100)
    cache.give(first, byteCount: 100)
    cache.give(second, byteCount: 100)
    #expect(cache.byteCount == 200)
    #expect(cache.take(byteCount: 99) == nil)
    #expect(cache.take(byteCount: 100) == second)
    #expect(cache.take(byteCount: 100) == first)
    #expect(cache.take(byteCount: 100) == nil)
    #expect(cache.byteCount == 0)
    cache.give(first, byteCount: 100)
    cache.give(second, byteCount: 100)
  }

  @Test func theLongestKeptGoFirst() throws {
    let cache = BlockCache(limit: 250)
    let newest = try block(150)
    cache.give(try block(100), byteCount: 100)
    cache.give(try block(101), byteCount: 101)
    cache.give(newest, byteCount: 150)
    #expect(cache.take(byteCount: 100) == nil)
    #expect(cache.byteCount == 150)
    cache.give(try block(300), byteCount: 300)
    #expect(cache.byteCount == 0)
  }

  @Test func drainingKeepsNothing() throws {
    let cache = BlockCache(limit: 250)
    cache.give(try block(100), byteCount: 100)
    cache.drain()
    #expect(cache.byteCount == 0)
    #expect(cache.take(byteCount: 100) == nil)
  }

  @Test func moreIsKeptAsLongAsSomebodyNeedsIt() throws {
    let cache = BlockCache(limit: 100)
    var more: BlockCache.Extension? = BlockCache.Extension(cache, by: 200)
    let other = BlockCache.Extension(cache, by: 50)
    for size in [150, 60, 100] { cache.give(try block(size), byteCount: size) }
    #expect(cache.byteCount == 310)
    cache.give(try block(50), byteCount: 50)
    #expect(cache.byteCount == 210, "the longest kept is gone")
    withExtendedLifetime(more) {}
    more = nil
    #expect(cache.byteCount == 150)
    #expect(cache.take(byteCount: 60) == nil && cache.take(byteCount: 100) != nil)
    withExtendedLifetime(other) {}
  }

  @Test func largeTensorsReuseMemory() throws {
    // A size that no other test uses; another test may drain the cache in between, but not often.
    let byteCount = 7 << 21
    let isReused = try (0..<100).contains { _ in
      let address = try Tensor(uninitialized: [byteCount], dtype: .u8).pointer
      let again = try Tensor(uninitialized: [byteCount], dtype: .u8)
      #expect(Int(bitPattern: again.pointer) % (2 << 20) == 0)
      return again.pointer == address && BlockCache.shared.byteCount <= 256 << 20
    }
    #expect(isReused)
  }
}
