import CFFmpeg
import Imaging
import TensorCore

/// Pictures as the encoder wants them: 8-bit Y'CbCr of BT.709 in limited range, one chroma sample
/// for two by two pixels, sited at the left.
///
/// An odd number of rows or columns becomes even by one copy of the last.
final class PictureConversion {
  private let path: String
  private let rows: Int
  private let columns: Int

  /// The converted picture; valid until the next conversion.
  let frame: UnsafeMutablePointer<AVFrame>

  /// The picture with its copied row and column. libswscale may read beyond the end of a row, which
  /// the lines' padding allows.
  private let padded: UnsafeMutablePointer<AVFrame>
  private var scalers: [PixelOrder: OpaquePointer] = [:]

  /// - Throws: `MediaError.notEncodable`.
  init(path: String, rows: Int, columns: Int) throws {
    self.path = path
    self.rows = rows
    self.columns = columns
    let memory = MediaError.notEncodable(
      path: path, reason: "no memory for pictures of \(columns)x\(rows) pixels")
    guard let frame = av_frame_alloc(), let padded = av_frame_alloc() else { throw memory }
    self.frame = frame
    self.padded = padded
    for (picture, format) in [(frame, AV_PIX_FMT_YUV420P), (padded, AV_PIX_FMT_RGB24)] {
      picture.pointee.format = format.rawValue
      picture.pointee.width = Int32(columns + columns % 2)
      picture.pointee.height = Int32(rows + rows % 2)
      guard av_frame_get_buffer(picture, 0) >= 0 else { throw memory }
    }
    frame.pointee.color_primaries = AVCOL_PRI_BT709
    frame.pointee.color_trc = AVCOL_TRC_BT709
    frame.pointee.colorspace = AVCOL_SPC_BT709
    frame.pointee.color_range = AVCOL_RANGE_MPEG
    frame.pointee.chroma_location = AVCHROMA_LOC_LEFT
    for order in [PixelOrder.rgb, .bgr] {
      guard let scaler = Self.scaler(from: order, size: frame.pointee) else { throw memory }
      scalers[order] = scaler
    }
  }

  deinit {
    for scaler in scalers.values { cffmpeg_scaler_destroy(scaler) }
    for picture in [frame, padded] {
      var picture: UnsafeMutablePointer<AVFrame>? = picture
      av_frame_free(&picture)
    }
  }

  /// Converts a picture into `frame`.
  ///
  /// - Parameter pixels: `[rows, columns, 3]`, U8.
  /// - Throws: `TensorError.shapeMismatch`, `.outOfMemory`, `MediaError.notEncodable`.
  func convert(_ pixels: Tensor, order: PixelOrder) throws {
    guard pixels.shape.axes == [rows, columns, 3], pixels.dtype == .u8 else {
      throw TensorError.shapeMismatch(
        operation: "VideoWriter.append", expected: "u8 [\(rows), \(columns), 3]",
        found: "\(pixels.dtype) \(pixels.shape)")
    }
    // The encoder copies what it is sent, so nobody else holds the picture.
    let source = try pixels.contiguous()
    withExtendedLifetime(source) { pad(source.pointer) }
    padded.pointee.format = Self.format(order).rawValue
    let code = cffmpeg_scaler_run(scalers[order], frame, padded)
    guard code >= 0 else {
      throw MediaError.notEncodable(path: path, reason: FFmpegCode.reason(code))
    }
  }

  private func pad(_ source: UnsafeRawPointer) {
    guard let base = padded.pointee.data.0 else { return }
    let target = UnsafeMutableRawPointer(base)
    let stride = Int(padded.pointee.linesize.0)
    for row in 0..<Int(padded.pointee.height) {
      let line = target + row * stride
      line.copyMemory(from: source + min(row, rows - 1) * columns * 3, byteCount: columns * 3)
      if columns % 2 == 1 {
        (line + columns * 3).copyMemory(from: line + (columns - 1) * 3, byteCount: 3)
      }
    }
  }

  private static func scaler(from order: PixelOrder, size: AVFrame) -> OpaquePointer? {
    var source = CFFmpegPictures(
      width: size.width, height: size.height, format: format(order).rawValue,
      matrix: SWS_CS_ITU709, is_full_range: true, chroma_x: -513, chroma_y: -513)
    // The left of two columns, between two rows.
    var target = CFFmpegPictures(
      width: size.width, height: size.height, format: AV_PIX_FMT_YUV420P.rawValue,
      matrix: SWS_CS_ITU709, is_full_range: false, chroma_x: 0, chroma_y: 128)
    return cffmpeg_scaler_create(&source, &target)
  }

  private static func format(_ order: PixelOrder) -> AVPixelFormat {
    order == .rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_BGR24
  }
}
