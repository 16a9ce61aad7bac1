import CFFmpeg
import Foundation

/// A container's streams and the packets of its video.
final class Demuxer {
  let path: String
  private(set) var format: UnsafeMutablePointer<AVFormatContext>
  private let file: InputFile?
  private let stop: StopFlag

  /// Demuxers of text that names other files or network addresses, or that is not a video at all.
  private static let refusedFormats: Set<String> = [
    "concat", "dash", "hls", "imf", "rtp", "rtsp", "sap", "sdp", "tty",
  ]

  /// Opens a file, or pictures by a pattern of their names ("frames/%04d.png"), and looks at the
  /// first seconds.
  ///
  /// - Throws: `MediaError.missing`, `.unreadable`, `.readFailed`, `.nothingToRead`, `.malformed`,
  ///   `.unsupported`, `.cancelled`.
  init(path: String, stop: StopFlag) throws {
    FFmpegLog.capture
    self.path = path
    self.stop = stop
    let isPattern = NumberedPictures.isPattern(path)
    file = isPattern ? nil : try InputFile(path: path, stop: stop)
    guard let allocated = avformat_alloc_context() else { throw Self.outOfMemory(path) }
    format = allocated
    format.pointee.interrupt_callback = AVIOInterruptCB(
      callback: { opaque in
        Unmanaged<StopFlag>.fromOpaque(opaque!).takeUnretainedValue().isSet ? 1 : 0
      }, opaque: Unmanaged.passUnretained(stop).toOpaque())
    if let file {
      format.pointee.pb = file.context
      format.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
      format.pointee.io_open = { _, _, _, _, _ in cffmpeg_error(EACCES) }
    }
    var opening: UnsafeMutablePointer<AVFormatContext>? = format
    let (code, reason) = FFmpegLog.run {
      Self.open(&opening, path, pictures: isPattern)
    }
    guard code >= 0, let opened = opening else { throw error(code, reason) }
    format = opened
    isOpen = true
    try probe()
  }

  private var isOpen = false

  deinit {
    guard isOpen else { return }  // a failed opening has freed it
    var closing: UnsafeMutablePointer<AVFormatContext>? = format
    avformat_close_input(&closing)
  }

  private static func open(
    _ format: inout UnsafeMutablePointer<AVFormatContext>?, _ path: String, pictures: Bool
  ) -> Int32 {
    var options: OpaquePointer?
    defer { av_dict_free(&options) }
    // Nothing but numbered pictures is opened by name.
    av_dict_set(&options, "protocol_whitelist", pictures ? "file" : "none", 0)
    if pictures { av_dict_set(&options, "pattern_type", "sequence", 0) }
    let input = pictures ? av_find_input_format("image2") : nil
    return avformat_open_input(&format, path, input, &options)
  }

  private func probe() throws {
    let name = String(cString: format.pointee.iformat.pointee.name)
    guard !Self.refusedFormats.contains(name) else {
      throw MediaError.unsupported(
        path: path, found: "the format '\(name)'",
        advice: "it is a list or text, not a video: give the video itself")
    }
    try checkSizes()
    let (code, reason) = FFmpegLog.run { avformat_find_stream_info(format, nil) }
    guard code >= 0 else { throw error(code, reason) }
    try checkSizes()
  }

  /// Refuses absurd sizes before a decoder allocates pictures.
  private func checkSizes() throws {
    for stream in streams where stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO {
      let (width, height) = (
        Int(stream.pointee.codecpar.pointee.width), Int(stream.pointee.codecpar.pointee.height)
      )
      guard width <= 0 || height <= 0 || PictureLimit.allows(width: width, height: height) else {
        throw MediaError.tooLarge(
          path: path, width: width, height: height, limit: PictureLimit.pixels)
      }
    }
  }

  var streams: [UnsafeMutablePointer<AVStream>] {
    (0..<Int(format.pointee.nb_streams)).compactMap { format.pointee.streams[$0] }
  }

  /// Leaves out the packets of all streams but one.
  func select(_ stream: UnsafeMutablePointer<AVStream>) {
    for other in streams {
      other.pointee.discard = other == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL
    }
  }

  enum Packet {
    case read
    /// The file's end, with what was wrong where it came too early.
    case end(damage: String?)
  }

  /// Reads the next packet of a stream.
  ///
  /// - Throws: `MediaError.readFailed`, `.cancelled`.
  func read(_ packet: UnsafeMutablePointer<AVPacket>, of index: Int32) throws -> Packet {
    while true {
      av_packet_unref(packet)
      let (code, reason) = FFmpegLog.run { av_read_frame(format, packet) }
      if stop.isSet { throw MediaError.cancelled(path: path) }
      if let failure = file?.failure { throw MediaError.readFailed(path: path, reason: failure) }
      if code == FFmpegCode.again { continue }
      if code < 0 { return .end(damage: code == FFmpegCode.endOfFile ? nil : reason) }
      if packet.pointee.stream_index == index { return .read }
    }
  }

  /// What a code of FFmpeg's functions means for the file.
  private func error(_ code: Int32, _ reason: String) -> MediaError {
    if stop.isSet { return .cancelled(path: path) }
    if let failure = file?.failure { return .readFailed(path: path, reason: failure) }
    if code == FFmpegCode.outOfMemory { return Self.outOfMemory(path) }
    if file == nil && code == cffmpeg_error(ENOENT) { return .missing(path: path) }
    return .malformed(path: path, expected: "a video", reason: reason)
  }

  private static func outOfMemory(_ path: String) -> MediaError {
    .malformed(path: path, expected: "a video", reason: "it asks for too much memory")
  }
}

/// Pictures with numbers in their names, read as a video of 25 frames a second.
enum NumberedPictures {
  /// Whether a path is a pattern ("%d", "%04d" in the file's name) and not a file itself.
  static func isPattern(_ path: String) -> Bool {
    let name = path.split(separator: "/").last ?? ""
    return name.firstMatch(of: #/%(0\d)?d/#) != nil && access(path, F_OK) != 0
  }
}
