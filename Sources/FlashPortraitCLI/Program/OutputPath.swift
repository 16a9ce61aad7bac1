import Foundation

/// Checks of paths that a command will write, before anything is written.
enum OutputPath {
  /// - Parameters:
  ///   - inputs: files that must not be written over.
  ///   - overwrites: whether files that are there may be replaced.
  /// - Throws: `CommandError.outputExists`, `.outputIsInput`, `.outputNotCreated`.
  static func check(_ paths: [String], inputs: [String], overwrites: Bool) throws {
    let inputs = Set(inputs.map(realPath))
    for path in paths {
      if inputs.contains(realPath(path)) { throw CommandError.outputIsInput(path: path) }
      try checkPlace(path, overwrites: overwrites)
    }
  }

  /// Makes a folder, which may be there.
  ///
  /// - Throws: `CommandError.outputNotCreated`.
  static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandError.outputNotCreated(path: path, reason: "no folder can be made there")
    }
  }

  private static func checkPlace(_ path: String, overwrites: Bool) throws {
    let folder = folder(of: path)
    var status = stat()
    guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw CommandError.outputNotCreated(path: path, reason: "there is no folder \(folder)")
    }
    guard access(folder, W_OK) == 0 else {
      throw CommandError.outputNotCreated(path: path, reason: String(cString: strerror(errno)))
    }
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw CommandError.outputNotCreated(path: path, reason: "it is a folder")
    }
    if !overwrites { throw CommandError.outputExists(path: path) }
  }

  /// The folder that a file lies in.
  static func folder(of path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  private static func realPath(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }
}
