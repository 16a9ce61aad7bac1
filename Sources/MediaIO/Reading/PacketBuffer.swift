import CFFmpeg

/// A packet of FFmpeg's, freed with whatever holds it; also where an initialiser that holds it
/// throws.
final class PacketBuffer {
  let pointer: UnsafeMutablePointer<AVPacket>

  /// Returns nil where there is no memory.
  init?() {
    guard let packet = av_packet_alloc() else { return nil }
    pointer = packet
  }

  deinit {
    var freed: UnsafeMutablePointer<AVPacket>? = pointer
    av_packet_free(&freed)
  }
}
