import CFFmpeg
import Foundation

/// Turns frames of two fields into whole frames, one for one; whole frames pass as they are.
final class Deinterlacer {
  private var graph: UnsafeMutablePointer<AVFilterGraph>?
  private var source: UnsafeMutablePointer<AVFilterContext>?
  private var sink: UnsafeMutablePointer<AVFilterContext>?
  private let shape: Shape

  /// What a graph of filters is built for.
  private struct Shape: Equatable {
    let width: Int32
    let height: Int32
    let format: Int32

    init(_ frame: UnsafeMutablePointer<AVFrame>) {
      width = frame.pointee.width
      height = frame.pointee.height
      format = frame.pointee.format
    }
  }

  /// The filters that do it, the better one first.
  private static let filters = ["bwdif", "yadif"]

  /// Builds filters for frames like this one.
  ///
  /// - Parameter timeBase: of the frames' timestamps.
  /// - Returns: nil where the installed FFmpeg has no filter for such frames.
  init?(like frame: UnsafeMutablePointer<AVFrame>, timeBase: AVRational) {
    shape = Shape(frame)
    graph = avfilter_graph_alloc()
    guard graph != nil, FFmpegLog.run({ build(timeBase) }).code >= 0 else { return nil }
  }

  deinit { avfilter_graph_free(&graph) }

  private func build(_ timeBase: AVRational) -> Int32 {
    graph?.pointee.nb_threads = Int32(min(ProcessInfo.processInfo.activeProcessorCount, 4))
    // Formats that the filter does not know are left alone rather than converted.
    avfilter_graph_set_auto_convert(graph, UInt32(bitPattern: Int32(AVFILTER_AUTO_CONVERT_NONE)))
    guard let filter = Self.filters.lazy.compactMap({ avfilter_get_by_name($0) }).first
    else { return cffmpeg_error(ENOSYS) }
    let frames =
      "video_size=\(shape.width)x\(shape.height):pix_fmt=\(shape.format)"
      + ":time_base=\(timeBase.num)/\(timeBase.den)"
    var middle: UnsafeMutablePointer<AVFilterContext>?
    let steps: [() -> Int32] = [
      {
        avfilter_graph_create_filter(
          &self.source, avfilter_get_by_name("buffer"), "in", frames, nil, self.graph)
      },
      {
        avfilter_graph_create_filter(
          &middle, filter, "deinterlace", "mode=send_frame:deint=interlaced", nil, self.graph)
      },
      {
        avfilter_graph_create_filter(
          &self.sink, avfilter_get_by_name("buffersink"), "out", nil, nil, self.graph)
      },
      { avfilter_link(self.source, 0, middle, 0) },
      { avfilter_link(middle, 0, self.sink, 0) },
      { avfilter_graph_config(self.graph, nil) },
    ]
    for step in steps {
      let code = step()
      if code < 0 { return code }
    }
    return 0
  }

  /// Whether a frame is like those that the filters were built for.
  func accepts(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool { Shape(frame) == shape }

  /// Hands over a frame, which is empty afterwards; nil says that none follows.
  func send(_ frame: UnsafeMutablePointer<AVFrame>?) {
    // A frame that the filter refuses is lost like one that the decoder refuses.
    _ = FFmpegLog.run { av_buffersrc_add_frame(source, frame) }
  }

  /// Takes the next whole frame.
  ///
  /// - Returns: the time base of its timestamp, nil where more frames have to be sent first.
  func receive(into frame: UnsafeMutablePointer<AVFrame>) -> AVRational? {
    FFmpegLog.run { av_buffersink_get_frame(sink, frame) }.code >= 0
      ? av_buffersink_get_time_base(sink) : nil
  }
}
