import CFFmpeg
import Imaging
import TensorCore

/// Pictures as the encoder wants them: 8-bit Y'CbCr of BT.709 in limited range, one chroma sample
/// for two by two pixels, sited at the left.
///
/// An odd number of rows or columns becomes even by one copy of the last.
final class PictureConversion {
  let rows: Int
  let columns: Int

  /// The converted picture; valid until the next conversion.
  let frame: UnsafeMutablePointer<AVFrame>

  /// The picture with its copied row and column. libswscale may read beyond the end of a row, which
  /// the lines' padding allows.
  private let padded: UnsafeMutablePointer<AVFrame>
  private var converters: [PixelOrder: OpaquePointer] = [:]

  /// - Throws: `MediaError.notEncodable`.
  init(path: String, rows: Int, columns: Int) throws {
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
      guard let converter = Self.converter(from: order, size: frame.pointee) else { throw memory }
      converters[order] = converter
    }
  }

  deinit {
    for converter in converters.values { sws_freeContext(converter) }
    for picture in [frame, padded] {
      var picture: UnsafeMutablePointer<AVFrame>? = picture
      av_frame_free(&picture)
    }
  }

  /// Converts a picture into `frame`.
  ///
  /// - Parameter pixels: `[rows, columns, 3]`, U8.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  func convert(_ pixels: Tensor, order: PixelOrder) throws {
    guard pixels.shape.axes == [rows, columns, 3], pixels.dtype == .u8 else {
      throw TensorError.shapeMismatch(
        operation: "VideoWriter.append", expected: "u8 [\(rows), \(columns), 3]",
        found: "\(pixels.dtype) \(pixels.shape)")
    }
    // The encoder copies what it is sent, so nobody else holds the picture.
    let source = try pixels.contiguous()
    withExtendedLifetime(source) { pad(source.pointer) }
    sws_scale(
      converters[order],
      [UnsafePointer(padded.pointee.data.0)], [padded.pointee.linesize.0],
      0, padded.pointee.height,
      [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2],
      [frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2])
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

  /// The slow and exact ways of libswscale, which give the same on every processor.
  private static func converter(from order: PixelOrder, size: AVFrame) -> OpaquePointer? {
    guard let converter = sws_alloc_context() else { return nil }
    let source = order == .rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_BGR24
    let flags =
      SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP
    let options: [(String, Int64)] = [
      ("srcw", Int64(size.width)), ("srch", Int64(size.height)),
      ("dstw", Int64(size.width)), ("dsth", Int64(size.height)),
      ("src_format", Int64(source.rawValue)), ("dst_format", Int64(AV_PIX_FMT_YUV420P.rawValue)),
      ("dst_h_chr_pos", 0), ("dst_v_chr_pos", 128), ("sws_flags", Int64(flags)),
    ]
    for (name, value) in options {
      av_opt_set_int(UnsafeMutableRawPointer(converter), name, value, 0)
    }
    let matrix = sws_getCoefficients(SWS_CS_ITU709)
    let fullRange: Int32 = 1
    let limitedRange: Int32 = 0
    let unchanged: Int32 = 1 << 16
    sws_setColorspaceDetails(
      converter, matrix, fullRange, matrix, limitedRange, 0, unchanged, unchanged)
    guard sws_init_context(converter, nil, nil) >= 0 else {
      sws_freeContext(converter)
      return nil
    }
    return converter
  }
}
