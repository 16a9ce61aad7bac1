import Checkpoints
import Foundation
import OutputFiles
import TensorCore

/// Writes a procedural checkpoint folder, one piece of a tensor at a time.
///
/// Every file appears under its name only when it is whole. What an earlier run with the same
/// geometry has finished is kept, so that a run that was killed can be taken up again.
package struct CheckpointSynthesis {
  /// What there is to tell on the way.
  package enum Event {
    /// So many more bytes are written.
    case wrote(bytes: Int)
    /// A file is whole; its path.
    case finished(String)
  }

  package let folder: String

  /// What an earlier run has left to do.
  package let pending: [SynthesisPlan.File]

  /// What it has done.
  package let kept: [SynthesisPlan.File]

  static let metadata = ["format": "pt"]

  /// Decides what is to be done, without changing anything.
  ///
  /// - Parameters:
  ///   - overwrites: whether other files may be replaced; then none is kept.
  ///   - available: bytes that can be written in a folder.
  /// - Throws: `PipelineError.fileInTheWay`; `OutputError.diskFull` where there is no room,
  ///   `.unwritable`.
  package init(
    _ plan: SynthesisPlan, folder: String, overwrites: Bool,
    available: (String) throws -> Int = DiskSpace.available
  ) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), !isFolder.boolValue {
      throw OutputError.unwritable(path: folder, reason: "it is a file, not a folder")
    }
    self.folder = folder
    let states = try plan.files.map { file in
      (file: file, state: try FileState(file, in: folder))
    }
    let isOurs = !overwrites && states.first?.state == .same
    kept = isOurs ? states.filter { $0.state != .absent }.map(\.file) : []
    pending = isOurs ? states.filter { $0.state == .absent }.map(\.file) : plan.files
    for (file, state) in states where !overwrites {
      if state == .different || state != .absent && !isOurs {
        throw PipelineError.fileInTheWay(path: "\(folder)/\(file.path)")
      }
    }
    let needed = try Self.room(for: pending, in: folder)
    let free = try available(folder)
    if needed > free {
      throw OutputError.diskFull(path: folder, needed: needed, available: free)
    }
  }

  /// Bytes that are to be written.
  package var byteCount: Int { pending.reduce(0) { $0 + $1.byteCount } }

  /// Writes the pending files.
  ///
  /// - Parameter progress: may throw to stop the work.
  /// - Throws: `CheckpointError`, `TensorError`, what `progress` throws; the file that was being
  ///   written is gone then.
  package func run(
    on context: ComputeContext = .shared, progress: (Event) throws -> Void
  ) throws {
    let folders = Set(pending.map { Self.folder(of: "\(folder)/\($0.path)") })
    for folder in folders.sorted() {
      try Self.makeFolder(folder)
      try AtomicFile.removeAbandoned(in: folder)
    }
    for file in pending {
      let path = "\(folder)/\(file.path)"
      switch file.content {
      case .data(let data):
        try AtomicFile.write(data, to: path)
        try progress(.wrote(bytes: data.count))
      case .safetensors(let entries):
        let writer = try SafetensorsWriter(path: path, entries: entries, metadata: Self.metadata)
        try write(entries, to: writer, on: context, progress)
        try progress(.wrote(bytes: file.byteCount - entries.reduce(0) { $0 + $1.byteCount }))
      case .pyTorch(let entries):
        try write(entries, to: PyTorchWriter(path: path, entries: entries), on: context, progress)
        try progress(.wrote(bytes: file.byteCount - entries.reduce(0) { $0 + $1.byteCount }))
      }
      try progress(.finished(path))
    }
  }

  private func write(
    _ entries: [TensorEntry], to writer: any TensorFileWriter, on context: ComputeContext,
    _ progress: (Event) throws -> Void
  ) throws {
    for entry in entries {
      try ProceduralWeights.stream(
        entry.name, shape: entry.shape, dtype: entry.dtype, on: context
      ) { bytes in
        try writer.append(bytes, to: entry.name)
        try progress(.wrote(bytes: bytes.count))
      }
    }
    try writer.finish()
  }

  // MARK: The folder

  private static func folder(of path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  private static func makeFolder(_ folder: String) throws {
    try OutputFolder.make(folder)
  }

  /// The most that the folder grows by on the way: a file is replaced only when the new one is
  /// whole.
  private static func room(for files: [SynthesisPlan.File], in folder: String) throws -> Int {
    var growth = 0
    var most = 0
    for file in files {
      growth += file.byteCount
      most = max(most, growth)
      var status = stat()
      if lstat("\(folder)/\(file.path)", &status) == 0 {
        growth -= min(Int(status.st_blocks) * 512, file.byteCount)
      }
    }
    return most
  }
}

/// What is where a file goes.
private enum FileState {
  case absent
  /// A file of the same size and, where it is small enough to be made in memory, content.
  case same
  case different

  init(_ file: SynthesisPlan.File, in folder: String) throws {
    let path = "\(folder)/\(file.path)"
    var status = stat()
    guard lstat(path, &status) == 0 else {
      self = .absent
      return
    }
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      Int(status.st_size) == file.byteCount
    else {
      self = .different
      return
    }
    if case .data(let data) = file.content {
      self = FileManager.default.contents(atPath: path) == data ? .same : .different
    } else {
      self = .same
    }
  }
}
