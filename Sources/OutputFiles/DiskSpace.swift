import Foundation

/// Room on disks.
package enum DiskSpace {
  /// Bytes that this user may still write in a folder, or in the nearest one above it that is there.
  ///
  /// - Throws: `OutputError.unwritable`.
  package static func available(in folder: String) throws -> Int {
    var status = statvfs()
    try nearest(to: folder) { statvfs($0, &status) }
    let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }

  /// What tells the disk of a folder, or of the nearest one above it that is there, from others.
  ///
  /// - Throws: `OutputError.unwritable`.
  package static func device(of folder: String) throws -> UInt64 {
    var status = stat()
    try nearest(to: folder) { stat($0, &status) }
    return UInt64(truncatingIfNeeded: status.st_dev)
  }

  /// Asks the system about a folder, or about the nearest one above it that is there.
  private static func nearest(to folder: String, _ call: (String) -> Int32) throws {
    var place = URL(fileURLWithPath: folder).standardizedFileURL
    while call(place.path) != 0 {
      guard errno == ENOENT, place.path != "/" else {
        throw OutputError.unwritable(path: folder, reason: String(cString: strerror(errno)))
      }
      place.deleteLastPathComponent()
    }
  }
}
