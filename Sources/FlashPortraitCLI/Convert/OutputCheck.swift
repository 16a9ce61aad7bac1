import Checkpoints
import Foundation
import OutputFiles

/// Checks of the outputs before anything is written.
enum OutputCheck {
  /// - Throws: `CommandError.outputExists`, `.outputIsInput`, `.outputNotCreated`,
  ///   `OutputError.diskFull`.
  static func run(_ plan: ConversionPlan, inputs: [String], overwrites: Bool) throws {
    let inputs = Set(inputs.map(realPath))
    for path in plan.outputPaths {
      if inputs.contains(realPath(path)) { throw CommandError.outputIsInput(path: path) }
      try checkPlace(path, overwrites: overwrites)
    }
    guard let first = plan.outputPaths.first else { return }
    try checkRoom(for: plan, in: folder(of: first), first)
  }

  /// Makes the folder of a split, which need not be there.
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

  private static func checkRoom(
    for plan: ConversionPlan, in folder: String, _ path: String
  ) throws {
    let available = try DiskSpace.available(in: folder)
    // A header line takes a name and some numbers.
    let headers = plan.groups.flatMap(\.files).flatMap(\.entries)
      .reduce(0) { $0 + $1.name.utf8.count + 128 }
    let needed = plan.byteCount + headers
    if needed > available {
      throw OutputError.diskFull(path: path, needed: needed, available: available)
    }
  }

  private static func folder(of path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  private static func realPath(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }
}
