import Foundation

/// Folders that outputs lie in.
package enum OutputFolder {
  /// Makes a folder, and those above it; it may be there.
  ///
  /// - Throws: `OutputError.unwritable`.
  package static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw OutputError.unwritable(path: path, reason: "no folder can be made there")
    }
  }

  /// What is in a folder, in no order.
  ///
  /// - Throws: `OutputError.unwritable`.
  package static func names(in path: String) throws -> [String] {
    do { return try FileManager.default.contentsOfDirectory(atPath: path) } catch {
      throw OutputError.unwritable(path: path, reason: "the folder cannot be listed")
    }
  }

  /// Removes a file, which may be gone.
  ///
  /// - Throws: `OutputError`.
  package static func removeFile(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else { throw OutputError(path: path, code: errno) }
  }
}
