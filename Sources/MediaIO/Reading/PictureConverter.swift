import CFFmpeg
import Imaging
import TensorCore

/// Turns decoded frames into upright pictures of 8-bit red, green and blue.
///
/// The conversion goes to planes, which swscale writes three times faster than packed pixels, and
/// those are interleaved and turned in one pass.
final class PictureConverter {
  private let path: String
  private let order: PixelOrder
  private let geometry: FrameGeometry
  private let peak: Double
  private var stage: Stage?

  /// - Parameters:
  ///   - path: for errors.
  ///   - peak: the film's brightest light in cd/m2; 0 where it is not known.
  init(path: String, order: PixelOrder, geometry: FrameGeometry, peak: Double) {
    self.path = path
    self.order = order
    self.geometry = geometry
    self.peak = peak
  }

  /// - Parameter pixelAspect: width by height of a pixel; nil where not known.
  /// - Returns: U8 `[rows, columns, 3]`; alpha is dropped.
  /// - Throws: `MediaError.unsupported` for a format of pixels that cannot be converted,
  ///   `TensorError.outOfMemory`.
  func convert(
    _ frame: UnsafeMutablePointer<AVFrame>, pixelAspect: Rational?
  ) throws -> Tensor {
    let place = geometry.place(frame, pixelAspect: pixelAspect)
    let recipe = try recipe(frame, columns: place.columns, rows: place.rows)
    if stage?.recipe != recipe {
      stage = Stage(recipe, peak: peak)
      if stage == nil { throw unsupported(frame) }
    }
    guard let planes = stage?.run(frame) else { throw unsupported(frame) }
    let shape: Shape = [geometry.uprightRows, geometry.uprightColumns, 3]
    let isWhole = place.columns == geometry.columns && place.rows == geometry.rows
    let picture =
      try isWhole ? Tensor(uninitialized: shape, dtype: .u8) : Tensor(zeros: shape, dtype: .u8)
    let stride = geometry.uprightColumns
    let (left, top) =
      geometry.orientation.swapsAxes ? (place.top, place.left) : (place.left, place.top)
    let target = picture.pointer.assumingMemoryBound(to: UInt8.self)
    planes.copy(
      to: target + (top * stride + left) * 3, stride: stride, orientation: geometry.orientation,
      isBlueFirst: order == .bgr)
    return picture
  }

  private func recipe(
    _ frame: UnsafeMutablePointer<AVFrame>, columns: Int, rows: Int
  ) throws -> Stage.Recipe {
    guard let format = av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format)),
      sws_isSupportedInput(AVPixelFormat(frame.pointee.format)) > 0
    else { throw unsupported(frame) }
    let isRGB = format.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
    return Stage.Recipe(
      width: frame.pointee.width, height: frame.pointee.height, format: frame.pointee.format,
      columns: columns, rows: rows, meaning: ColorMeaning(frame, format: format),
      isPacked: isRGB || format.pointee.nb_components < 3)
  }

  private func unsupported(_ frame: UnsafeMutablePointer<AVFrame>) -> MediaError {
    let name = av_get_pix_fmt_name(AVPixelFormat(frame.pointee.format)).map { String(cString: $0) }
    return .unsupported(
      path: path, found: "the pixel format '\(name ?? "unknown")'",
      advice: "convert the video to yuv420p")
  }
}

/// swscale, and where needed the tone mapper, for frames of one kind.
private final class Stage {
  struct Recipe: Equatable {
    let width: Int32
    let height: Int32
    let format: Int32
    /// Size after the conversion.
    let columns: Int
    let rows: Int
    let meaning: ColorMeaning
    /// Whether the source is no YUV: packed pixels then come without a detour.
    let isPacked: Bool

    var targetFormat: AVPixelFormat {
      meaning.wideLight != nil
        ? AV_PIX_FMT_GBRP16LE : isPacked ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GBRP
    }
  }

  let recipe: Recipe
  private let scaler: OpaquePointer
  private let toneMapper: ToneMapper?
  private var converted: UnsafeMutablePointer<AVFrame>?
  private var mapped: UnsafeMutablePointer<AVFrame>?

  init?(_ recipe: Recipe, peak: Double) {
    let meaning = recipe.meaning
    var source = CFFmpegPictures(
      width: recipe.width, height: recipe.height, format: recipe.format, matrix: meaning.matrix,
      is_full_range: meaning.isFullRange, chroma_x: meaning.chromaX, chroma_y: meaning.chromaY)
    var target = CFFmpegPictures(
      width: Int32(recipe.columns), height: Int32(recipe.rows),
      format: recipe.targetFormat.rawValue, matrix: meaning.matrix, is_full_range: true,
      chroma_x: -513, chroma_y: -513)
    guard let scaler = cffmpeg_scaler_create(&source, &target) else { return nil }
    self.scaler = scaler
    self.recipe = recipe
    toneMapper = meaning.wideLight.map { ToneMapper($0, peak: peak) }
    converted = Self.picture(recipe, recipe.targetFormat)
    mapped = toneMapper == nil ? nil : Self.picture(recipe, AV_PIX_FMT_GBRP)
    if converted == nil || (toneMapper != nil && mapped == nil) { return nil }
  }

  deinit {
    cffmpeg_scaler_destroy(scaler)
    av_frame_free(&converted)
    av_frame_free(&mapped)
  }

  private static func picture(
    _ recipe: Recipe, _ format: AVPixelFormat
  ) -> UnsafeMutablePointer<AVFrame>? {
    var frame = av_frame_alloc()
    frame?.pointee.width = Int32(recipe.columns)
    frame?.pointee.height = Int32(recipe.rows)
    frame?.pointee.format = format.rawValue
    if let frame, av_frame_get_buffer(frame, 0) >= 0 { return frame }
    av_frame_free(&frame)
    return nil
  }

  /// - Returns: the converted picture, valid until the next one; nil where that failed.
  func run(_ frame: UnsafeMutablePointer<AVFrame>) -> PixelPlanes? {
    guard let converted, cffmpeg_scaler_run(scaler, converted, frame) >= 0 else { return nil }
    guard let toneMapper, let mapped else { return planes(of: converted) }
    map(converted, to: mapped, toneMapper)
    return planes(of: mapped)
  }

  /// The planes' order in FFmpeg: green, blue, red.
  private func map(
    _ source: UnsafeMutablePointer<AVFrame>, to target: UnsafeMutablePointer<AVFrame>,
    _ toneMapper: ToneMapper
  ) {
    let (from, to) = (source.pointee.data, target.pointee.data)
    let (fromSteps, toSteps) = (source.pointee.linesize, target.pointee.linesize)
    guard let (g, b, r) = Self.three(from), let (green, blue, red) = Self.three(to) else { return }
    nonisolated(unsafe) let sources = [(r, fromSteps.2), (g, fromSteps.0), (b, fromSteps.1)]
    nonisolated(unsafe) let targets = [(red, toSteps.2), (green, toSteps.0), (blue, toSteps.1)]
    let columns = recipe.columns
    ComputeContext.shared.pool.forEach(recipe.rows) { row in
      toneMapper.map(
        sources.map { plane in
          UnsafeRawPointer(plane.0 + row * Int(plane.1)).assumingMemoryBound(to: UInt16.self)
        }, to: targets.map { plane in plane.0 + row * Int(plane.1) }, count: columns)
    }
  }

  private typealias Data = (
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?,
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?,
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?
  )

  private static func three(
    _ data: Data
  ) -> (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>)? {
    guard let first = data.0, let second = data.1, let third = data.2 else { return nil }
    return (first, second, third)
  }

  private func planes(of frame: UnsafeMutablePointer<AVFrame>) -> PixelPlanes? {
    let rowStep = Int(frame.pointee.linesize.0)
    if frame.pointee.format == AV_PIX_FMT_RGB24.rawValue {
      return frame.pointee.data.0.map {
        PixelPlanes(
          red: $0, green: $0 + 1, blue: $0 + 2, pixelStep: 3, rowStep: rowStep,
          rows: recipe.rows, columns: recipe.columns)
      }
    }
    return Self.three(frame.pointee.data).map { green, blue, red in
      PixelPlanes(
        red: red, green: green, blue: blue, pixelStep: 1, rowStep: rowStep, rows: recipe.rows,
        columns: recipe.columns)
    }
  }
}
