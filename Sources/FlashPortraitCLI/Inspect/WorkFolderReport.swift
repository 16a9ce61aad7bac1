import Checkpoints
import Foundation
import PortraitPipeline

/// What a job that was interrupted has left, for `inspect`.
struct WorkFolderReport: Encodable {
  struct Part: Encodable {
    let file: String
    let bytes: Int
    /// Steps that are done, of the latents.
    let steps: Int?
    /// Of the step in hand.
    let windows: Int?
  }

  let path: String
  let parts: [Part]

  /// - Returns: nil for a folder that no job has worked in.
  /// - Throws: `CheckpointError` for a damaged file.
  init?(_ folder: String) throws {
    let files = FileManager.default
    guard WorkFolder.isOne(folder) else { return nil }
    path = folder
    parts = try JobFile.allCases.map(\.rawValue).compactMap { name in
      let file = "\(folder)/\(name)"
      guard files.fileExists(atPath: file) else { return nil }
      let bytes = try files.attributesOfItem(atPath: file)[.size] as? Int
      let place =
        name == JobFile.latents.rawValue
        ? DenoisingRecord.place(in: try Checkpoint.openFile(file)) : nil
      return Part(file: name, bytes: bytes ?? 0, steps: place?.step, windows: place?.window)
    }
  }

  /// The report for people.
  var lines: [String] {
    var table = TextTable([.left, .right, .left], indent: "  ")
    for part in parts {
      var state = "done"
      if let steps = part.steps {
        state = "after step \(steps)"
        if let windows = part.windows, windows > 0 {
          state += " and \(formatCount(windows, "window"))"
        }
      }
      table.add(part.file, formatBytes(part.bytes), state)
    }
    if parts.isEmpty { return ["\(printable(path)): work folder of a job; nothing is done yet"] }
    return ["\(printable(path)): work folder of a job"] + table.lines
  }
}
