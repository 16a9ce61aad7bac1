import Foundation

/// Checks of paths that a user gave, before anything is opened.
enum InputPath {
  enum Kind { case file, folder }

  /// Whether a path names a file or a folder.
  ///
  /// - Throws: `CommandError.inputMissing`, `.inputUnreadable`.
  @discardableResult
  static func check(_ path: String) throws -> Kind {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT || path.isEmpty { throw CommandError.inputMissing(path: path) }
      throw CommandError.inputUnreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard access(path, R_OK) == 0 else {
      throw CommandError.inputUnreadable(path: path, reason: String(cString: strerror(errno)))
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .folder
    case S_IFREG: return .file
    default:
      throw CommandError.inputUnreadable(path: path, reason: "neither a file nor a folder")
    }
  }
}
