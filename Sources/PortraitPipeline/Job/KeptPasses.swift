import Checkpoints
import Diffusion
import Foundation
import OutputFiles
import TensorCore

/// The passes in the work folder that predictions are made from, a file for each.
///
/// They are read where they lie: as many stay in memory as the file cache has room for. So a run that
/// is taken up finds them, too.
final class KeptPasses: PassStore {
  private let folder: WorkFolder
  private let fingerprint: Fingerprint

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint) {
    self.folder = folder
    self.fingerprint = fingerprint
  }

  /// - Throws: `OutputError`, `CheckpointError`, `TensorError`.
  func write(_ tensors: [(name: String, tensor: Tensor)], of pass: KeptPass) throws {
    try OutputFolder.make(place)
    try folder.write(Self.file(of: pass), tensors, fingerprint)
  }

  /// - Throws: `DiffusionError.passNotKept`, `CheckpointError`.
  func tensors(of pass: KeptPass) throws -> [String: Tensor] {
    guard let file = folder.kept(Self.file(of: pass), fingerprint) else {
      throw DiffusionError.passNotKept(pass)
    }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    return Dictionary(uniqueKeysWithValues: tensors)
  }

  /// Whether all of these are there; where one is not, the folder's notes say so.
  func hasAll(_ passes: Set<KeptPass>) -> Bool {
    let missing = passes.map(Self.file).filter { folder.kept($0, fingerprint) == nil }.min()
    guard let missing else { return true }
    folder.note("\(folder.file(missing)): is missing or was changed; denoising starts over")
    return false
  }

  /// - Throws: `OutputError`.
  func keep(only passes: Set<KeptPass>) throws {
    guard FileManager.default.fileExists(atPath: place) else { return }
    let names = Set(passes.map(Self.name))
    for name in try OutputFolder.names(in: place) where Self.isPass(name) && !names.contains(name) {
      try OutputFolder.removeFile("\(place)/\(name)")
    }
  }

  // MARK: Names

  private var place: String { folder.file(JobFile.passes.rawValue) }

  private static func file(of pass: KeptPass) -> String {
    "\(JobFile.passes.rawValue)/\(name(of: pass))"
  }

  private static func name(of pass: KeptPass) -> String {
    "window-\(pass.window)-\(pass.prediction.rawValue)-step-\(pass.step).safetensors"
  }

  /// Whether a file has the name of a pass.
  static func isPass(_ name: String) -> Bool {
    name.wholeMatch(of: /window-\d+-[A-Za-z]+-step-\d+\.safetensors/) != nil
  }
}
