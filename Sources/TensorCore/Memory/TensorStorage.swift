import Foundation

/// Memory under tensors: owned (64-byte aligned, on huge pages where large) or a mapped file.
///
/// Writing through several tensors of one storage at the same time is the caller's to avoid.
package final class TensorStorage: @unchecked Sendable {
  /// The first byte; valid while the storage lives. Not to be written to unless `isWritable`.
  package let base: UnsafeMutableRawPointer
  /// Bytes from `base` on.
  package let byteCount: Int

  /// False for a mapped file, whose pages are read-only.
  package let isWritable: Bool

  /// The file under it, nil for owned memory.
  package let file: MappedFile?

  private let release: () -> Void

  /// Storage from this size on is aligned to, and advised to use, 2 MiB pages.
  private static let hugePage = 2 << 20

  /// Storage from this size on is kept for the next request when it is given back: the system would
  /// take its pages away and clear others for it.
  private static let keptSize = 64 << 10

  private static let page = 4096

  private init(
    base: UnsafeMutableRawPointer, byteCount: Int, isWritable: Bool, file: MappedFile? = nil,
    release: @escaping () -> Void = {}
  ) {
    self.base = base
    self.file = file
    self.byteCount = byteCount
    self.isWritable = isWritable
    self.release = release
  }

  deinit { release() }

  /// Allocates memory of undefined content.
  ///
  /// - Throws: `TensorError.outOfMemory`.
  package static func allocate(byteCount: Int) throws -> TensorStorage {
    precondition(byteCount >= 0, "negative size")
    let isKept = byteCount >= keptSize
    // Kept blocks are told apart by their sizes, so the size on whole pages decides.
    let alignment = byteCount > hugePage - page ? hugePage : isKept ? page : 64
    // Half the address space and more is nobody's, and rounding it up could overflow.
    guard byteCount <= Int.max / 2 else { throw TensorError.outOfMemory(bytes: byteCount) }
    let padded = (max(byteCount, 1) + alignment - 1) / alignment * alignment
    let memory =
      isKept
      ? keptMemory(byteCount: padded, alignment: alignment)
      : alignedMemory(byteCount: padded, alignment: alignment)
    guard let memory else { throw TensorError.outOfMemory(bytes: byteCount) }
    return TensorStorage(base: memory, byteCount: byteCount, isWritable: true) {
      if isKept { BlockCache.shared.give(memory, byteCount: padded) } else { free(memory) }
    }
  }

  private static func alignedMemory(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    return posix_memalign(&memory, alignment, byteCount) == 0 ? memory : nil
  }

  /// A block that was given back, else a fresh one.
  private static func keptMemory(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
    if let kept = BlockCache.shared.take(byteCount: byteCount) { return kept }
    var memory = alignedMemory(byteCount: byteCount, alignment: alignment)
    if memory == nil {
      BlockCache.shared.drain()
      memory = alignedMemory(byteCount: byteCount, alignment: alignment)
    }
    // A hint: where the kernel has no huge pages to give, ordinary ones serve.
    if let memory, alignment == hugePage { _ = madvise(memory, byteCount, MADV_HUGEPAGE) }
    return memory
  }

  /// Read-only zeros: pages that the system shares and that count against no memory.
  ///
  /// - Throws: `TensorError.outOfMemory` where the address space is too small.
  package static func blank(byteCount: Int) throws -> TensorStorage {
    let size = max(byteCount, 1)
    guard
      let memory = mmap(
        nil, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      memory != MAP_FAILED
    else { throw TensorError.outOfMemory(bytes: byteCount) }
    return TensorStorage(base: memory, byteCount: byteCount, isWritable: false) {
      munmap(memory, size)
    }
  }

  /// Wraps a mapped file; the mapping lives as long as the storage.
  package static func mapped(_ file: MappedFile) -> TensorStorage {
    TensorStorage(
      base: UnsafeMutableRawPointer(mutating: file.base), byteCount: file.byteCount,
      isWritable: false, file: file)
  }
}

/// A file mapped read-only into memory; pages come from disk when they are touched.
package final class MappedFile: @unchecked Sendable {
  /// Where the file was when it was mapped.
  package let path: String
  /// The first byte; valid while the mapping lives.
  package let base: UnsafeRawPointer
  package let byteCount: Int

  /// Maps a whole file.
  ///
  /// - Throws: `TensorError.mapFailed` with the system's reason.
  package init(path: String) throws {
    guard !path.utf8.contains(0) else {
      throw TensorError.mapFailed(path: path, reason: "the path contains a zero byte")
    }
    // O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TensorError.mapFailed(path: path, reason: "not a regular file")
    }
    let size = Int(status.st_size)
    self.path = path
    byteCount = size
    guard size > 0 else {
      base = UnsafeRawPointer(Self.emptyFile)
      return
    }
    guard let memory = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
    else { throw Self.failure(path) }
    base = UnsafeRawPointer(memory)
  }

  deinit {
    if byteCount > 0 { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
  }

  /// Asks the system to read a range ahead of its use.
  package func willNeed(_ range: Range<Int>) { advise(range, MADV_WILLNEED) }

  /// Reads a range and maps its pages, and returns when they are there.
  package func populate(_ range: Range<Int>) {
    guard !advise(range, Self.populateRead) else { return }
    // An older kernel: touching a page maps it.
    let page = Self.pageSize
    for place in stride(from: range.lowerBound / page * page, to: range.upperBound, by: page) {
      _ = (base + place).load(as: UInt8.self)
    }
  }

  /// Takes a range out of this process's memory; its pages stay in the system's file cache.
  package func dontNeed(_ range: Range<Int>) { advise(range, MADV_DONTNEED) }

  /// Takes a range out of this process's memory and out of the system's file cache, whose space
  /// other pages can then have.
  package func evict(_ range: Range<Int>) {
    advise(range, Self.pageOut)
    advise(range, MADV_DONTNEED)
  }

  // Linux 5.14 and 5.4; the C library's headers may be older.
  private static let populateRead: Int32 = 22
  private static let pageOut: Int32 = 21
  private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// Advice only: a refusal changes nothing but speed.
  ///
  /// - Returns: whether the system took it.
  @discardableResult private func advise(_ range: Range<Int>, _ advice: Int32) -> Bool {
    let start = range.lowerBound / Self.pageSize * Self.pageSize
    guard byteCount > 0, start < range.upperBound else { return true }
    return madvise(
      UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, advice) == 0
  }

  private static func failure(_ path: String) -> TensorError {
    .mapFailed(path: path, reason: String(cString: strerror(errno)))
  }

  nonisolated(unsafe) private static let emptyFile = UnsafeMutableRawPointer.allocate(
    byteCount: 64, alignment: 64)
}
