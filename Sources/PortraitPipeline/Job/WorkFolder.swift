import Checkpoints
import Foundation
import OutputFiles
import TensorCore

/// The folder in which a job keeps all that took time, so that a run that was killed can be taken up
/// again.
///
/// Each file appears whole and names in its metadata what it was made from; one that was made from
/// anything else, or that is damaged, counts as absent.
package final class WorkFolder {
  package let path: String
  /// What is to be told about files that were found and not used.
  package private(set) var notes: [String] = []

  private let lock: Int32
  private let resumes: Bool

  private static let fingerprintKey = "made_from"

  /// Makes the folder where it is not there, and keeps others out of it until `close`.
  ///
  /// - Parameter resumes: whether files of an earlier run are used.
  /// - Throws: `OutputError.unwritable`; `PipelineError.workFolderBusy` where another run has it.
  package init(_ path: String, resumes: Bool) throws {
    self.path = path
    self.resumes = resumes
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw OutputError.unwritable(path: path, reason: "no folder can be made there")
    }
    lock = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else { throw OutputError(path: path, code: errno) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      close(lock)
      throw PipelineError.workFolderBusy(path: path)
    }
    try AtomicFile.removeAbandoned(in: path)
    if !resumes { try removeContents() }
  }

  deinit { close(lock) }

  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// A file of an earlier run, where there is one that was made from the same.
  package func kept(_ name: String, _ fingerprint: Fingerprint) -> (any TensorFile)? {
    let path = file(name)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let file = try? Checkpoint.openFile(path),
      let made = file.metadata[Self.fingerprintKey].flatMap(Fingerprint.init(encoded:))
    else {
      notes.append("\(path): cannot be used, made again")
      return nil
    }
    if made == fingerprint { return file }
    let names = made.differences(from: fingerprint).joined(separator: ", ")
    notes.append("\(path): was made with another \(names); starting it afresh")
    return nil
  }

  /// Notes since the last call.
  package func takeNotes() -> [String] {
    defer { notes = [] }
    return notes
  }

  /// Writes a file.
  ///
  /// - Throws: `OutputError`, `CheckpointError`, `TensorError`.
  package func write(
    _ name: String, _ tensors: [(name: String, tensor: Tensor)], _ fingerprint: Fingerprint,
    metadata: [String: String] = [:]
  ) throws {
    try SafetensorsWriter.write(
      tensors, to: file(name), metadata: self.metadata(fingerprint, metadata))
  }

  /// The metadata of a file that was made from this.
  package func metadata(
    _ fingerprint: Fingerprint, _ others: [String: String] = [:]
  ) -> [String: String] {
    others.merging([Self.fingerprintKey: fingerprint.encoded]) { $1 }
  }

  /// Removes all that jobs keep here, and the folder itself where nothing else is in it.
  ///
  /// - Throws: `OutputError`.
  package func remove() throws {
    try removeContents()
    unlink(file("lock"))
    rmdir(path)
  }

  private func removeContents() throws {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
      throw OutputError.unwritable(path: path, reason: "the folder cannot be listed")
    }
    for name in names where Self.isOurs(name) {
      do { try FileManager.default.removeItem(atPath: file(name)) } catch {
        throw OutputError.unwritable(path: file(name), reason: "it cannot be removed")
      }
    }
  }

  private static func isOurs(_ name: String) -> Bool {
    JobFile.allCases.contains { $0.rawValue == name } || name.hasPrefix("preview-step-")
  }
}

/// The names in a work folder.
package enum JobFile: String, CaseIterable {
  case features = "features.safetensors"
  case text = "text.safetensors"
  case image = "image.safetensors"
  case condition = "condition.safetensors"
  case latents = "latents.safetensors"
  case estimate = "estimate.safetensors"
  case video
}
