import CFFmpeg

/// What the numbers of a decoded picture mean.
struct ColorMeaning: Equatable {
  /// The matrix from red, green and blue, as an SWS_CS_ number.
  let matrix: Int32
  let isFullRange: Bool
  /// Colours and light that need more than a matrix; nil for those of BT.709 and sRGB.
  let wideLight: WideLight?
  /// Place of the colour samples, see `CFFmpegPictures`.
  let chromaX: Int32
  let chromaY: Int32

  /// - Parameters:
  ///   - frame: what it does not say is taken as FFmpeg's and OpenCV's readers take it: the BT.601
  ///     matrix (in which FFmpeg writes pictures unless told otherwise), limited range, colour
  ///     samples at the left.
  init(_ frame: UnsafeMutablePointer<AVFrame>, format: UnsafePointer<AVPixFmtDescriptor>) {
    let picture = frame.pointee
    matrix =
      switch picture.colorspace {
      case AVCOL_SPC_BT709: SWS_CS_ITU709
      case AVCOL_SPC_FCC: SWS_CS_FCC
      case AVCOL_SPC_SMPTE240M: SWS_CS_SMPTE240M
      case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: SWS_CS_BT2020
      default: SWS_CS_ITU601
      }
    isFullRange = picture.color_range == AVCOL_RANGE_JPEG || Self.isAlwaysFull(picture.format)
    wideLight = WideLight(transfer: picture.color_trc, primaries: picture.color_primaries)
    let isHalved = (x: format.pointee.log2_chroma_w == 1, y: format.pointee.log2_chroma_h == 1)
    let isBetween = picture.chroma_location == AVCHROMA_LOC_CENTER
    let isTop = picture.chroma_location == AVCHROMA_LOC_TOPLEFT
    chromaX = isHalved.x ? (isBetween ? 128 : 0) : -513
    chromaY = isHalved.y ? (isTop ? 0 : 128) : -513
  }

  /// The older formats of JPEG's range.
  private static func isAlwaysFull(_ format: Int32) -> Bool {
    let formats = [
      AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ440P,
      AV_PIX_FMT_YUVJ444P,
    ]
    return formats.contains { $0.rawValue == format }
  }
}

/// Light beyond that of BT.709: high dynamic range, or the colours of BT.2020.
enum WideLight: Equatable {
  /// SMPTE ST 2084: numbers stand for absolute light.
  case perceptualQuantizer
  /// ARIB STD-B67.
  case hybridLogGamma
  /// The colours of BT.2020 at ordinary brightness.
  case standardRange

  init?(transfer: AVColorTransferCharacteristic, primaries: AVColorPrimaries) {
    switch transfer {
    case AVCOL_TRC_SMPTE2084: self = .perceptualQuantizer
    case AVCOL_TRC_ARIB_STD_B67: self = .hybridLogGamma
    default:
      guard primaries == AVCOL_PRI_BT2020 else { return nil }
      self = .standardRange
    }
  }

  var isHighDynamicRange: Bool { self != .standardRange }
}
