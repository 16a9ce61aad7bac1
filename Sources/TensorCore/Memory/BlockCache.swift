import Foundation
import Synchronization

/// Large blocks of memory that were given back, kept for the next request of the same size.
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

  /// Bytes to keep at most.
  package let limit: Int
  /// The longest kept first.
  private let blocks = Mutex<[Block]>([])

  /// - Parameter limit: bytes to keep at most.
  package init(limit: Int) { self.limit = limit }

  deinit { drain() }

  /// Bytes that are kept now.
  package var byteCount: Int { blocks.withLock { Self.total($0) } }

  /// A kept block of exactly that many bytes, nil where there is none.
  package func take(byteCount: Int) -> UnsafeMutableRawPointer? {
    let block = blocks.withLock { blocks in
      blocks.lastIndex { $0.byteCount == byteCount }.map { blocks.remove(at: $0) }
    }
    return block.flatMap { UnsafeMutableRawPointer(bitPattern: $0.address) }
  }

  /// Keeps a block that `malloc` or `posix_memalign` made; frees those kept longest, or the block
  /// itself, where there would be too much.
  package func give(_ memory: UnsafeMutableRawPointer, byteCount: Int) {
    let surplus = blocks.withLock { blocks in
      blocks.append(Block(byteCount: byteCount, address: UInt(bitPattern: memory)))
      var count = 0
      var kept = Self.total(blocks)
      while kept > limit {
        kept -= blocks[count].byteCount
        count += 1
      }
      defer { blocks.removeFirst(count) }
      return blocks.prefix(count)
    }
    for block in surplus { block.release() }
  }

  /// Frees all that is kept.
  package func drain() {
    let all = blocks.withLock { blocks in
      defer { blocks = [] }
      return blocks
    }
    for block in all { block.release() }
  }

  private static func total(_ blocks: [Block]) -> Int { blocks.reduce(0) { $0 + $1.byteCount } }
}
