import CFFmpeg

/// Size and position of the pictures that a video is shown as.
struct FrameGeometry {
  /// Square pixels, before the picture is turned.
  let columns: Int
  let rows: Int
  let orientation: Orientation

  var uprightColumns: Int { orientation.swapsAxes ? rows : columns }
  var uprightRows: Int { orientation.swapsAxes ? columns : rows }

  // Beyond this a pixel's shape is a mistake of the file.
  private static let longestPixel = 8.0

  /// - Parameters:
  ///   - frame: the video's first.
  ///   - pixelAspect: width by height of a pixel; nil where not known.
  init(
    _ frame: UnsafeMutablePointer<AVFrame>, pixelAspect: Rational?, orientation: Orientation
  ) {
    let size = Self.squared(frame, pixelAspect)
    (columns, rows) = (size.columns, size.rows)
    self.orientation = orientation
  }

  /// A picture's size in square pixels: the short side of its pixels grows, nothing is thrown away.
  static func squared(
    _ frame: UnsafeMutablePointer<AVFrame>, _ pixelAspect: Rational?
  ) -> (columns: Int, rows: Int) {
    let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
    let aspect = pixelAspect?.value ?? 1
    guard aspect != 1, (1 / longestPixel...longestPixel).contains(aspect) else {
      return (width, height)
    }
    let columns = aspect > 1 ? Int((Double(width) * aspect).rounded()) : width
    let rows = aspect < 1 ? Int((Double(height) / aspect).rounded()) : height
    return PictureLimit.allows(width: columns, height: rows) ? (columns, rows) : (width, height)
  }

  /// Where a frame goes whose size or pixels differ from the first's: as large as fits, in the
  /// middle.
  func place(
    _ frame: UnsafeMutablePointer<AVFrame>, pixelAspect: Rational?
  ) -> (columns: Int, rows: Int, left: Int, top: Int) {
    let size = Self.squared(frame, pixelAspect)
    if size == (columns, rows) { return (columns, rows, 0, 0) }
    let scale = min(
      Double(columns) / Double(size.columns), Double(rows) / Double(size.rows))
    let width = min(max(Int((Double(size.columns) * scale).rounded()), 1), columns)
    let height = min(max(Int((Double(size.rows) * scale).rounded()), 1), rows)
    return (width, height, (columns - width) / 2, (rows - height) / 2)
  }
}
