/// The most that is allocated for one picture, whatever a file asks for.
package enum PictureLimit {
  /// 8192 x 8192; the largest video format in use, 8K, has half of that.
  package static let pixels = 1 << 26

  /// Whether a picture's pixels are within the limit.
  package static func allows(width: Int, height: Int) -> Bool {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    return width > 0 && height > 0 && !overflow && count <= pixels
  }
}
