import Checkpoints
import Foundation
import TensorCore

/// Writes the outputs of a plan, one piece of a tensor at a time.
struct CheckpointConversion {
  let input: ConversionInput
  let plan: ConversionPlan
  let metadata: [String: String]
  let progress: Progress

  /// Elements that are converted at a time: bounds the memory.
  private static let pieceCount = 1 << 24

  /// Writes every output beside its place and then names them all; on an error nothing stays.
  ///
  /// - Throws: `CheckpointError`, `TensorError`, `CommandError.interrupted`.
  func run() throws {
    var named: [String] = []
    do {
      let writers = try plan.groups.flatMap(\.files).map(write)
      try Interruption.check()
      for writer in writers {
        try writer.finish()
        named.append(writer.path)
      }
      for group in plan.groups {
        guard let indexPath = group.indexPath else { continue }
        try writeIndex(of: group, to: indexPath)
        named.append(indexPath)
      }
      progress.finish()
    } catch {
      progress.closeLine()
      for path in named { unlink(path) }
      throw error
    }
  }

  /// Writes the tensors of one output, which has no name yet.
  private func write(_ output: ConversionPlan.File) throws -> SafetensorsWriter {
    let writer = try SafetensorsWriter(
      path: output.path, entries: output.entries, metadata: metadata)
    for item in output.items {
      try Interruption.check()
      let tensor = try input.tensor(of: item)
      switch item.form {
      case .converted(let dtype): try convert(tensor, to: dtype, item.name, writer)
      case .quantised: try quantise(tensor, item.name, writer)
      }
      progress.detail("\(item.source.name) -> \(output.path): \(item.name)")
    }
    return writer
  }

  private func convert(
    _ tensor: Tensor, to dtype: DType, _ name: String, _ writer: SafetensorsWriter
  ) throws {
    let flat = try tensor.reshaped([tensor.count])
    var infinities = 0
    for start in stride(from: 0, to: flat.count, by: Self.pieceCount) {
      try Interruption.check()
      let piece = flat.sliced(start..<min(start + Self.pieceCount, flat.count))
      let result = try piece.converted(to: dtype)
      if dtype == .f16 && tensor.dtype != .f16 { infinities += try newInfinities(result, piece) }
      try withExtendedLifetime(result) {
        try writer.append(
          UnsafeRawBufferPointer(start: result.pointer, count: result.byteCount), to: name)
      }
      progress.advance(result.byteCount)
    }
    if infinities > 0 {
      progress.warn(
        "\(name): \(formatCount(infinities, "value")) above 65504 became infinite in F16")
    }
  }

  private func newInfinities(_ result: Tensor, _ source: Tensor) throws -> Int {
    let after = try result.statistics().infinityCount
    return after == 0 ? 0 : after - (try source.statistics().infinityCount)
  }

  private func quantise(
    _ tensor: Tensor, _ name: String, _ writer: SafetensorsWriter
  ) throws {
    guard let result = try RowQuantisation.quantise(tensor) else {
      throw CheckpointError.malformed(
        path: input.file.path, tensor: name, expected: "finite weights to quantise",
        found: "NaN or infinity")
    }
    try result.bytes.withUnsafeBytes { try writer.append($0, to: name) }
    try result.scales.withUnsafeBytes {
      try writer.append($0, to: RowQuantisation.scaleName(of: name))
    }
    progress.advance(result.bytes.count + 4 * result.scales.count)
  }

  /// - Throws: `CommandError.outputNotCreated`.
  private func writeIndex(of group: ConversionPlan.Group, to path: String) throws {
    let index = ShardIndexWriter(
      group.files.map { (URL(fileURLWithPath: $0.path).lastPathComponent, $0.entries) })
    do {
      try index.encoded().write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CommandError.outputNotCreated(path: path, reason: error.localizedDescription)
    }
  }
}
