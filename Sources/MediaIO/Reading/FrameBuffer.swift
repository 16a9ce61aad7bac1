import CFFmpeg

/// A frame of FFmpeg's, freed with whatever holds it; also where an initialiser that holds it
/// throws, after which no `deinit` runs.
final class FrameBuffer {
  let pointer: UnsafeMutablePointer<AVFrame>

  /// Returns nil where there is no memory.
  init?() {
    guard let frame = av_frame_alloc() else { return nil }
    pointer = frame
  }

  deinit {
    var freed: UnsafeMutablePointer<AVFrame>? = pointer
    av_frame_free(&freed)
  }
}
