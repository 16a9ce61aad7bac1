import Foundation

/// Room on disks.
package enum DiskSpace {
  /// Bytes that this user may still write in a folder, or in the nearest one above it that is there.
  ///
  /// - Throws: `OutputError.unwritable`.
  package static func available(in folder: String) throws -> Int {
    var place = URL(fileURLWithPath: folder).standardizedFileURL
    var status = statvfs()
    while statvfs(place.path, &status) != 0 {
      guard errno == ENOENT, place.path != "/" else {
        throw OutputError.unwritable(path: folder, reason: String(cString: strerror(errno)))
      }
      place.deleteLastPathComponent()
    }
    let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }
}
