import Foundation
import OutputFiles

/// Keeps other runs out of a folder as long as it lives, also those of other processes; what is
/// killed lets go.
final class FolderLock {
  static let name = "flashportrait.lock"
  /// A process that is just being started or just ending may hold the lock for moments.
  private static let patience = Duration.milliseconds(500)
  private static let pause: UInt32 = 20_000

  private let path: String
  private let descriptor: Int32

  /// - Throws: `PipelineError.workFolderBusy` where another run has the folder, `OutputError`.
  init(_ folder: String) throws {
    path = "\(folder)/\(Self.name)"
    let start = ContinuousClock.now
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw OutputError(path: path, code: errno) }
      // A file system without locks does without.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
        close(descriptor)
        guard ContinuousClock.now - start < Self.patience else {
          throw PipelineError.workFolderBusy(path: folder)
        }
        usleep(Self.pause)
        continue
      }
      // A run that ended in between has removed the file: a third one would make another.
      var (held, there) = (stat(), stat())
      if fstat(descriptor, &held) == 0, stat(path, &there) == 0, held.st_ino == there.st_ino {
        self.descriptor = descriptor
        return
      }
      close(descriptor)
    }
  }

  deinit { close(descriptor) }

  /// Removes the file, which nobody needs who still holds it.
  func remove() { unlink(path) }
}
