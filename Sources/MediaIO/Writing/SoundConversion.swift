import CFFmpeg

/// Decoded sound in another sample format, rate and channel layout, by libavfilter.
final class SoundConversion {
  /// What comes out: planar float32.
  struct Format {
    var rate: Int32
    /// FFmpeg's name of a channel layout.
    var layout: String
    var channelCount: Int32
  }

  private let graph: UnsafeMutablePointer<AVFilterGraph>
  private let source: UnsafeMutablePointer<AVFilterContext>
  private let sink: UnsafeMutablePointer<AVFilterContext>
  private let frame: UnsafeMutablePointer<AVFrame>
  private let sampleFormat: Int32
  private let rate: Int32
  private var layout: AVChannelLayout

  /// A conversion of frames like the given one. Channels that have no known places, or more of
  /// them than can be mixed, are cut down to the first ones.
  ///
  /// - Returns: nil where FFmpeg cannot convert them.
  static func make(like frame: AVFrame, to format: Format) -> SoundConversion? {
    let target =
      "sample_fmts=fltp:sample_rates=\(format.rate):channel_layouts=\(format.layout)"
    let first = min(format.channelCount, frame.ch_layout.nb_channels)
    let pan = (0..<format.channelCount).map { "c\($0)=c\(min($0, first - 1))" }
    let cut = ["\(format.layout)|\(pan.joined(separator: "|"))"]
    return SoundConversion(like: frame, filters: [("aformat", target)])
      ?? SoundConversion(like: frame, filters: [("pan", cut[0]), ("aformat", target)])
  }

  private init?(like frame: AVFrame, filters: [(name: String, arguments: String)]) {
    guard let graph = avfilter_graph_alloc(), let output = av_frame_alloc() else { return nil }
    self.graph = graph
    self.frame = output
    sampleFormat = frame.format
    rate = frame.sample_rate
    layout = AVChannelLayout()
    guard let source = Self.source(of: frame, in: graph),
      let sink = Self.chain(filters, after: source, in: graph),
      avfilter_graph_config(graph, nil) >= 0
    else {
      var output: UnsafeMutablePointer<AVFrame>? = output
      av_frame_free(&output)
      var graph: UnsafeMutablePointer<AVFilterGraph>? = graph
      avfilter_graph_free(&graph)
      return nil
    }
    self.source = source
    self.sink = sink
    var copied = frame.ch_layout
    av_channel_layout_copy(&layout, &copied)
  }

  deinit {
    av_channel_layout_uninit(&layout)
    var frame: UnsafeMutablePointer<AVFrame>? = frame
    av_frame_free(&frame)
    var graph: UnsafeMutablePointer<AVFilterGraph>? = graph
    avfilter_graph_free(&graph)
  }

  /// Whether a frame is of the kind that this converts: some streams change on their way.
  func takes(_ frame: AVFrame) -> Bool {
    var other = frame.ch_layout
    return frame.format == sampleFormat && frame.sample_rate == rate
      && av_channel_layout_compare(&layout, &other) == 0
  }

  /// Takes a frame, nil after the last one.
  ///
  /// - Returns: whether it worked.
  func send(_ frame: UnsafeMutablePointer<AVFrame>?) -> Bool {
    av_buffersrc_add_frame(source, frame) >= 0
  }

  /// The next converted frame, nil where none is ready. It is valid until the next call; its time
  /// is in samples.
  func receive() -> UnsafeMutablePointer<AVFrame>? {
    av_frame_unref(frame)
    guard av_buffersink_get_frame(sink, frame) >= 0 else { return nil }
    return frame
  }

  /// The entry of a graph; the times of what enters are in samples.
  private static func source(
    of frame: AVFrame, in graph: UnsafeMutablePointer<AVFilterGraph>
  ) -> UnsafeMutablePointer<AVFilterContext>? {
    guard
      let source = avfilter_graph_alloc_filter(graph, avfilter_get_by_name("abuffer"), "source"),
      let parameters = av_buffersrc_parameters_alloc()
    else { return nil }
    defer { av_free(parameters) }
    parameters.pointee.format = frame.format
    parameters.pointee.time_base = AVRational(num: 1, den: frame.sample_rate)
    parameters.pointee.sample_rate = frame.sample_rate
    parameters.pointee.ch_layout = frame.ch_layout
    guard av_buffersrc_parameters_set(source, parameters) >= 0,
      avfilter_init_str(source, nil) >= 0
    else { return nil }
    return source
  }

  private static func chain(
    _ filters: [(name: String, arguments: String)],
    after source: UnsafeMutablePointer<AVFilterContext>,
    in graph: UnsafeMutablePointer<AVFilterGraph>
  ) -> UnsafeMutablePointer<AVFilterContext>? {
    var last = source
    for (name, arguments) in filters + [("abuffersink", "")] {
      var next: UnsafeMutablePointer<AVFilterContext>?
      guard
        avfilter_graph_create_filter(
          &next, avfilter_get_by_name(name), name, arguments.isEmpty ? nil : arguments, nil, graph)
          >= 0, let next, avfilter_link(last, 0, next, 0) >= 0
      else { return nil }
      last = next
    }
    return last
  }
}
