import CKernels

/// A group of kernels and the instruction set level whose version of it runs.
package struct KernelTopic: Sendable, Equatable {
  /// What a report calls it.
  package let name: String

  /// The highest level, up to the one asked for, that brought its own version of some kernel.
  package let providedBy: InstructionSet

  /// The topics of the kernel table at one level.
  package static func all(for level: InstructionSet) -> [KernelTopic] {
    tableRanges.map { KernelTopic(name: $0.name, providedBy: provider(of: $0.range, for: level)) }
  }

  /// Where each topic's function pointers lie in `fp_kernels`. A new topic gets a line here; a
  /// test sees to it that no part of the table is left out.
  package static let tableRanges: [(name: String, range: Range<Int>)] = [
    ("products in float32", range(\.matmul.tile.0)),
    ("products in bfloat16", range(\.matmul.tile.1)),
    ("products in 8 bits", range(\.matmul.tile.2)),
    ("rows into products", range(\.matmul.prepare_row)),
    ("sums out of products", range(\.matmul.store)),
    ("attention", range(\.attention)),
    ("convolutions", range(\.conv)),
    ("3x3 convolutions in float32", range(\.winograd)),
    ("conversions", range(\.convert)),
    ("element-wise", range(\.elementwise)),
    ("norms", range(\.norm)),
    ("softmax", range(\.softmax)),
    ("rotary positions", range(\.rope)),
    ("resampling", range(\.resample)),
    ("pooling", range(\.pool)),
    ("reductions", range(\.reduce)),
    ("adapters", range(\.lowrank)),
    ("weights by formula", range(\.procedural)),
    ("peak rate", range(\.peak)),
  ]

  /// Bytes of the whole table.
  package static var tableSize: Int { MemoryLayout<fp_kernels>.size }

  private static func range<Topic>(_ path: KeyPath<fp_kernels, Topic>) -> Range<Int> {
    guard let start = MemoryLayout<fp_kernels>.offset(of: path) else {
      preconditionFailure("not a stored part of the kernel table")
    }
    return start..<start + MemoryLayout<Topic>.size
  }

  private static func provider(of range: Range<Int>, for level: InstructionSet) -> InstructionSet {
    let ladder = InstructionSet.available.prefix { $0 != level } + [level]
    var provider = InstructionSet.generic
    for (lower, higher) in zip(ladder, ladder.dropFirst()) {
      if let below = bytes(of: range, at: lower), let above = bytes(of: range, at: higher),
        below != above
      {
        provider = higher
      }
    }
    return provider
  }

  /// The table's bytes: tables are zeroed before they are filled, so padding compares equal.
  private static func bytes(of range: Range<Int>, at level: InstructionSet) -> [UInt8]? {
    guard let table = fp_kernels_for(level.kernelLevel) else { return nil }
    let start = UnsafeRawPointer(table) + range.lowerBound
    return Array(UnsafeRawBufferPointer(start: start, count: range.count))
  }
}
