import Foundation
import Synchronization

/// Blocks of memory that were given back, kept for the next request of the same size.
///
/// A network asks for the same sizes over and over; fresh pages would have to be cleared by the
/// system each time. What is kept is bounded, and goes back to the system where memory runs out.
package final class BlockCache: Sendable {
  /// The blocks of all tensors: at most 256 MiB.
  package static let shared = BlockCache(limit: 256 << 20)

  private struct Block {
    let byteCount: Int
    let address: UInt

    func release() { free(UnsafeMutableRawPointer(bitPattern: address)) }
  }

  /// Bytes to keep at most, but for what `Extension`s add.
  package let limit: Int
  private let kept = Mutex(Kept())

  private struct Kept {
    /// The longest kept first.
    var blocks: [Block] = []
    var byteCount = 0
    /// Bytes that may be kept beyond the limit.
    var extra = 0

    /// Takes out what has been kept longest, until no more is left than may be.
    mutating func removeSurplus(beyond limit: Int) -> ArraySlice<Block> {
      var count = 0
      while byteCount > limit + extra {
        byteCount -= blocks[count].byteCount
        count += 1
      }
      defer { blocks.removeFirst(count) }
      return blocks.prefix(count)
    }
  }

  /// As long as it lives, more bytes are kept: for whoever gives back and asks for large blocks in
  /// turn, and counts their memory as used all the while.
  package final class Extension: Sendable {
    private let cache: BlockCache
    private let byteCount: Int

    package init(_ cache: BlockCache = .shared, by byteCount: Int) {
      self.cache = cache
      self.byteCount = byteCount
      cache.kept.withLock { $0.extra += byteCount }
    }

    deinit {
      let surplus = cache.kept.withLock { kept in
        kept.extra -= byteCount
        return kept.removeSurplus(beyond: cache.limit)
      }
      for block in surplus { block.release() }
    }
  }

  /// - Parameter limit: bytes to keep at most.
  package init(limit: Int) { self.limit = limit }

  deinit { drain() }

  /// Bytes that are kept now.
  package var byteCount: Int { kept.withLock { $0.byteCount } }

  /// A kept block of exactly that many bytes, nil where there is none.
  package func take(byteCount: Int) -> UnsafeMutableRawPointer? {
    let block = kept.withLock { kept -> Block? in
      guard let index = kept.blocks.lastIndex(where: { $0.byteCount == byteCount }) else {
        return nil
      }
      kept.byteCount -= byteCount
      return kept.blocks.remove(at: index)
    }
    return block.flatMap { UnsafeMutableRawPointer(bitPattern: $0.address) }
  }

  /// Keeps a block that `malloc` or `posix_memalign` made; frees those kept longest, or the block
  /// itself, where there would be too much.
  package func give(_ memory: UnsafeMutableRawPointer, byteCount: Int) {
    let surplus = kept.withLock { kept in
      kept.blocks.append(Block(byteCount: byteCount, address: UInt(bitPattern: memory)))
      kept.byteCount += byteCount
      return kept.removeSurplus(beyond: limit)
    }
    for block in surplus { block.release() }
  }

  /// Frees all that is kept.
  package func drain() {
    let all = kept.withLock { kept in
      defer { (kept.blocks, kept.byteCount) = ([], 0) }
      return kept.blocks
    }
    for block in all { block.release() }
  }
}
