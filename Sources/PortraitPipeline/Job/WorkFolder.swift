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

  private let lock: FolderLock
  private let resumes: Bool
  /// Whether it was not there before.
  private let isNew: Bool

  private static let fingerprintKey = "made_from"
  /// Makes the folder where it is not there, and keeps others out of it as long as it lives.
  ///
  /// - Parameter resumes: whether files of an earlier run are used.
  /// - Throws: `OutputError.unwritable`; `PipelineError.workFolderBusy` where another run has it,
  ///   `.noWorkFolder` where somebody else's files have the names of ours.
  package init(_ path: String, resumes: Bool) throws {
    self.path = path
    self.resumes = resumes
    var status = stat()
    isNew = stat(path, &status) != 0
    try OutputFolder.make(path)
    try Self.checkOwner(of: path)
    lock = try FolderLock(path)
    try AtomicFile.removeAbandoned(in: path)
    let passes = file(JobFile.passes.rawValue)
    if FileManager.default.fileExists(atPath: passes) { try AtomicFile.removeAbandoned(in: passes) }
    if !resumes { try removeContents() }
  }

  deinit {
    // A run that failed before it made anything leaves nothing.
    guard isNew, let names = try? OutputFolder.names(in: path), names == [FolderLock.name] else {
      return
    }
    lock.remove()
    rmdir(path)
  }

  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// A file of an earlier run, where there is one that was made from the same.
  package func kept(_ name: String, _ fingerprint: Fingerprint) -> (any TensorFile)? {
    let path = file(name)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let file = try? Checkpoint.openFile(path),
      let made = file.metadata[Self.fingerprintKey].flatMap(Fingerprint.init(encoded:))
    else {
      notes.append("\(path): cannot be used; making it again")
      return nil
    }
    if made == fingerprint { return file }
    let names = made.differences(from: fingerprint).joined(separator: ", ")
    notes.append("\(path): was made with a different \(names); starting over")
    return nil
  }

  /// Something to be told about files that were found and not used.
  func note(_ text: String) { notes.append(text) }

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

  /// Whether a job has worked in a folder, and keeps something there.
  package static func isOne(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(FolderLock.name)")
  }

  /// Bytes of all that jobs keep in a folder; 0 where there is none.
  package static func byteCount(of path: String) -> Int {
    let places = [nil] + JobFile.folders
    return places.reduce(0) { total, place in
      let folder = place.map { "\(path)/\($0.rawValue)" } ?? path
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
        return total
      }
      return names.filter { isOurs($0, in: place) }.reduce(total) { sum, name in
        var status = stat()
        guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
          return sum
        }
        return sum + Int(status.st_size)
      }
    }
  }

  // MARK: The end

  /// Removes all that jobs keep here, and the folder itself where nothing else is in it.
  ///
  /// - Throws: `OutputError`.
  package func remove() throws {
    try removeContents()
    lock.remove()
    rmdir(path)
  }

  private func removeContents() throws {
    for name in try OutputFolder.names(in: path) where Self.isOurs(name, in: nil) {
      if let folder = JobFile.folders.first(where: { $0.rawValue == name }) {
        let place = file(name)
        for name in try OutputFolder.names(in: place) where Self.isOurs(name, in: folder) {
          try OutputFolder.removeFile("\(place)/\(name)")
        }
        // Whatever else somebody has put there stays.
        rmdir(place)
      } else {
        try OutputFolder.removeFile(file(name))
      }
    }
  }

  // MARK: Whose files

  /// A folder that somebody gave may hold files of theirs that have our names: those are not to be
  /// replaced or removed.
  private static func checkOwner(of path: String) throws {
    let names = try OutputFolder.names(in: path)
    guard !names.contains(FolderLock.name) else { return }
    for name in names where isOurs(name, in: nil) && !isMadeByJob(name, in: path) {
      throw PipelineError.noWorkFolder(path: path, file: name)
    }
  }

  private static func isMadeByJob(_ name: String, in path: String) -> Bool {
    let path = "\(path)/\(name)"
    if let names = try? FileManager.default.contentsOfDirectory(atPath: path) {
      let folder = JobFile.folders.first { $0.rawValue == name }
      return names.allSatisfy { isOurs($0, in: folder) }
    }
    return (try? Checkpoint.openFile(path))?.metadata[fingerprintKey] != nil
  }

  /// - Parameter folder: inside the work folder; nil for itself.
  private static func isOurs(_ name: String, in folder: JobFile?) -> Bool {
    switch folder {
    case .video:
      VideoPieces.isPiece(name) || name == DecodingRecord.fileName || AtomicFile.isPartial(name)
    case .passes: KeptPasses.isPass(name) || AtomicFile.isPartial(name)
    default:
      JobFile.allCases.contains { $0.rawValue == name }
        || name.wholeMatch(of: /preview-step-\d+\.png/) != nil
    }
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
  case passes
  case video

  /// Those that are folders themselves.
  package static let folders: [JobFile] = [.passes, .video]
}
