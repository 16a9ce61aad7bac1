import CFFmpeg
import Foundation
import OutputFiles

/// An MP4 in the making: encoded pictures as they come, and the sound that goes with them.
///
/// It appears under its name when it is finished; one that is dropped or discarded is removed.
/// Memory does not grow with it, but for the index (about 90 bytes for each packet of pictures or
/// sound). The same packets and the same source of sound give the same bytes.
final class VideoFile {
  let path: String

  /// Seconds of a picture; the unit of the pictures' times.
  let frameTime: AVRational

  private let file: AtomicFile
  private let muxer: MP4Muxer
  private let sound: SoundTrack?
  /// The sound's next packet, read but not yet due.
  private var waitingSound: UnsafeMutablePointer<AVPacket>?

  private enum Track {
    static let video = 0
    static let sound = 1
  }

  /// Opens the source of the sound and begins the partial file, with the sound as it is; where MP4
  /// does not take that, with it encoded anew.
  ///
  /// - Parameters:
  ///   - path: of the video; its folder is there.
  ///   - options: of which metadata, sound and what becomes of an older file count here.
  ///   - fill: sets the parameters of the pictures' codec, and returns an FFmpeg code.
  /// - Throws: `MediaError`, `OutputError`.
  init(
    path: String, frameTime: AVRational, options: VideoWriterOptions,
    _ fill: (UnsafeMutablePointer<AVCodecParameters>) -> Int32
  ) throws {
    self.path = path
    self.frameTime = frameTime
    let input = try options.sound.flatMap { try SoundInput($0) }
    file = try AtomicFile(path: path)
    var candidates: [() -> SoundTrack?] = [{ nil }]
    if let input {
      candidates = [
        { CopiedSound(input) }, { EncodedSound(input) }, { UnusableSound(input) },
      ]
    }
    var timescale = Int64(frameTime.den)
    while timescale < 10_000 { timescale *= 2 }
    for candidate in candidates {
      let sound = candidate()
      if input != nil && sound == nil { continue }
      let muxer = try MP4Muxer(file: file, timescale: timescale, metadata: options.metadata)
      try muxer.addTrack(timeBase: frameTime, fill)
      if let sound, let parameters = sound.parameters {
        try muxer.addTrack(timeBase: sound.timeBase) { avcodec_parameters_copy($0, parameters) }
      }
      guard try muxer.begin() else { continue }
      self.muxer = muxer
      self.sound = sound
      return
    }
    throw MediaError.notEncodable(path: path, reason: "MP4 refuses the video")
  }

  /// Checks that a file may appear under a name.
  ///
  /// - Parameter mayExist: whether it may replace another one.
  /// - Throws: `OutputError.unwritable`.
  static func check(_ path: String, mayExist: Bool) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    // Renaming onto a device or a pipe would replace it.
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw OutputError.unwritable(
        path: path, reason: "there is something of this name that is no file")
    }
    guard mayExist else { throw OutputError.unwritable(path: path, reason: "it already exists") }
  }

  /// Writes a packet of pictures, and the sound up to there: neither the muxer nor a player has to
  /// hold one back for the other.
  ///
  /// - Parameters:
  ///   - packet: its times in units of `frameTime`; it is empty afterwards.
  ///   - frameCount: of the video as far as it is known.
  /// - Throws: `OutputError`, `MediaError.notEncodable`.
  func append(_ packet: UnsafeMutablePointer<AVPacket>, frameCount: Int) throws {
    let time = packet.pointee.dts
    guard try muxer.write(packet, track: Track.video, timeBase: frameTime) else {
      throw MediaError.notEncodable(path: path, reason: "MP4 refuses a packet of its pictures")
    }
    try writeSound(before: time, frameCount: frameCount, isFinal: false)
  }

  /// Writes the rest of the sound and gives the file its name.
  ///
  /// - Parameter frameCount: of the whole video.
  /// - Throws: `OutputError`, `MediaError`; the file is still to be discarded then.
  func finish(frameCount: Int) throws -> WrittenVideo {
    guard frameCount > 0 else {
      throw MediaError.notEncodable(path: path, reason: "no picture was written")
    }
    try writeSound(before: nil, frameCount: frameCount, isFinal: true)
    try muxer.finish()
    try file.finish()
    let (ticks, overflow) = frameCount.multipliedReportingOverflow(by: Int(frameTime.num))
    precondition(!overflow, "a duration of \(frameCount) frames")
    return WrittenVideo(
      frameCount: frameCount, duration: Rational(ticks, Int(frameTime.den)),
      sound: sound?.written, warnings: sound?.warnings ?? [])
  }

  /// Removes what was written, unless the file is finished.
  func discard() { file.discard() }

  /// Writes sound.
  ///
  /// - Parameters:
  ///   - time: in frames, where to stop; nil for none.
  ///   - isFinal: whether the video becomes no longer.
  private func writeSound(before time: Int64?, frameCount: Int, isFinal: Bool) throws {
    guard let sound else { return }
    let limit = av_rescale_q(Int64(frameCount), frameTime, sound.timeBase)
    while true {
      if waitingSound == nil { waitingSound = sound.next(until: limit, isFinal: isFinal) }
      guard let packet = waitingSound else { return }
      if let time, av_compare_ts(packet.pointee.dts, sound.timeBase, time, frameTime) > 0 { return }
      waitingSound = nil
      if try !muxer.write(packet, track: Track.sound, timeBase: sound.timeBase) {
        sound.noteRefusal()
      }
    }
  }
}
