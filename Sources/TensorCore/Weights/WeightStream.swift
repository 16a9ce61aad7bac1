import Dispatch
import Synchronization

/// Whether a network's mapped weights stay in memory between their uses.
package enum WeightResidency: Sendable, Equatable {
  /// Pages stay once they are read: for networks that fit into memory.
  case resident
  /// Each block is read ahead of its use and given back after it, but for as many of the first blocks
  /// as fit into `keeping` bytes: a sequence larger than the file cache would otherwise be read from
  /// disk whole every time.
  case streamed(keeping: Int)

  /// Streams what is larger than the memory that is free.
  ///
  /// - Parameter weights: bytes of the weights.
  package static func automatic(
    weights: Int, memory: SystemMemory = .current()
  ) -> WeightResidency {
    // The rest is for activations, keys and values, and the system.
    weights < memory.usable / 10 * 8 ? .resident : .streamed(keeping: memory.usable / 2)
  }
}

/// Reads the mapped weights of a sequence of blocks, each while the one before it computes.
///
/// Weights in owned memory are left alone. Results never depend on it.
package final class WeightStream: Sendable {
  package let residency: WeightResidency

  private let reader = DispatchQueue(label: "flashportrait.weights", qos: .userInitiated)
  private let state = Mutex(State())

  private struct State {
    var waited = 0.0
    /// What a former run read ahead for this one.
    var ahead: Reading?
  }

  /// Pieces that are asked for ahead of those being waited for.
  private static let piece = 32 << 20

  package init(_ residency: WeightResidency) { self.residency = residency }

  /// Seconds that blocks have waited for their weights so far.
  package var secondsWaited: Double { state.withLock(\.waited) }

  /// Runs `body(i)` for every group in order, its weights being there.
  ///
  /// - Parameters:
  ///   - groups: the weights that each call uses.
  ///   - repeats: whether the same groups are likely to be run again soon: the first is then read
  ///     ahead at the end.
  /// - Throws: what `body` throws.
  package func forEach(
    _ groups: [[Tensor]], repeats: Bool = false, _ body: (Int) throws -> Void
  ) throws {
    guard case .streamed(let keeping) = residency else {
      for index in groups.indices { try body(index) }
      return
    }
    let blocks = groups.map(FileRanges.init)
    var kept = 0
    let isKept = blocks.map { block in
      kept += block.byteCount
      return kept <= keeping
    }
    var next = takeAhead(of: blocks.first) ?? blocks.first.map(read)
    for index in blocks.indices {
      if let reading = next { wait(for: reading) }
      let following = index + 1 < blocks.count ? index + 1 : nil
      next = following.map { read(blocks[$0]) }
      if following == nil, repeats, blocks.count > 1, let first = blocks.first {
        let reading = read(first)
        state.withLock { $0.ahead = reading }
      }
      defer { if !isKept[index] { blocks[index].evict() } }
      try body(index)
    }
  }

  private func takeAhead(of block: FileRanges?) -> Reading? {
    let reading = state.withLock { state in
      defer { state.ahead = nil }
      return state.ahead
    }
    return reading.flatMap { $0.ranges == block ? $0 : nil }
  }

  private func wait(for reading: Reading) {
    let start = ContinuousClock.now
    reading.done.wait()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    state.withLock { $0.waited += seconds }
  }

  private func read(_ ranges: FileRanges) -> Reading {
    let reading = Reading(ranges: ranges)
    reading.done.enter()
    reader.async {
      ranges.populate(piece: Self.piece)
      reading.done.leave()
    }
    return reading
  }

  /// A block on its way into memory.
  private struct Reading: Sendable {
    let ranges: FileRanges
    let done = DispatchGroup()
  }
}

/// The parts of mapped files under some tensors, neighbours joined.
private struct FileRanges: Sendable, Equatable {
  private let parts: [Part]

  private struct Part: Sendable, Equatable {
    let file: MappedFile
    var range: Range<Int>

    static func == (a: Part, b: Part) -> Bool { a.file === b.file && a.range == b.range }
  }

  /// Gaps up to this size are read too.
  private static let gap = 1 << 16

  init(_ tensors: [Tensor]) {
    let sorted = tensors.compactMap { tensor in
      tensor.storage.file.map { file in
        Part(file: file, range: tensor.byteOffset..<tensor.byteOffset + tensor.byteCount)
      }
    }.sorted { ($0.file.path, $0.range.lowerBound) < ($1.file.path, $1.range.lowerBound) }
    var parts: [Part] = []
    for part in sorted {
      if let last = parts.last, last.file === part.file,
        part.range.lowerBound <= last.range.upperBound + Self.gap
      {
        let end = max(last.range.upperBound, part.range.upperBound)
        parts[parts.count - 1].range = last.range.lowerBound..<end
      } else {
        parts.append(part)
      }
    }
    self.parts = parts
  }

  var byteCount: Int { parts.reduce(0) { $0 + $1.range.count } }

  /// Asks for all pieces, so that the disk always has the next one to read, and waits for each.
  func populate(piece: Int) {
    let pieces = parts.flatMap { part in
      stride(from: part.range.lowerBound, to: part.range.upperBound, by: piece).map {
        Part(file: part.file, range: $0..<min($0 + piece, part.range.upperBound))
      }
    }
    for part in pieces.prefix(1) { part.file.willNeed(part.range) }
    for (index, part) in pieces.enumerated() {
      if index + 1 < pieces.count { pieces[index + 1].file.willNeed(pieces[index + 1].range) }
      part.file.populate(part.range)
    }
  }

  func evict() { for part in parts { part.file.evict(part.range) } }
}
