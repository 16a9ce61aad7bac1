import Foundation
import OutputFiles

extension JobPlan {
  /// Bytes of the output, about: two bits a pixel.
  var outputBytes: Int { madeFrames * size.width * size.height / 4 }

  /// Refuses a job for which there is no room, before hours are spent on it. What an earlier run has
  /// left in the work folder is used or replaced.
  ///
  /// - Parameters:
  ///   - output: its path; the plan tells that of the work folder.
  ///   - available: bytes that can be written in a folder.
  /// - Throws: `OutputError`.
  package func checkDisk(
    output: String, available: (String) throws -> Int = DiskSpace.available
  ) throws {
    let kept = WorkFolder.byteCount(of: workFolder)
    let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
    let (work, result) = (try DiskSpace.device(of: workFolder), try DiskSpace.device(of: folder))
    let rest = work == result ? 0 : outputBytes
    try Self.check(workFolder, needed: disk - rest - kept, available(workFolder))
    if rest > 0 { try Self.check(output, needed: rest, available(folder)) }
  }

  private static func check(_ path: String, needed: Int, _ available: Int) throws {
    guard needed <= available else {
      throw OutputError.diskFull(path: path, needed: needed, available: available)
    }
  }
}
