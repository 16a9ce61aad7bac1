import CFFmpeg
import Foundation
import Imaging
import OutputFiles
import TensorCore

/// Writes pictures, one at a time, as H.264 in MP4, with sound from another file.
///
/// The file appears under its name when it is finished; one that is cancelled, dropped or fails is
/// removed. Memory does not grow with the video. The same input gives the same bytes on any number
/// of cores.
///
/// The pictures are 8-bit Y'CbCr 4:2:0 of BT.709 in limited range, and tagged so. Such video has an
/// even size: an odd one becomes even by one copy of the last row or column.
package final class VideoWriter {
  package let path: String
  package let rows: Int
  package let columns: Int
  package let frameRate: Rational
  package private(set) var frameCount = 0

  private let file: AtomicFile
  private let conversion: PictureConversion
  private let encoder: H264Encoder
  private let sound: SoundTrack?
  private let muxer: MP4Muxer
  private let frameTime: AVRational
  /// The sound's next packet, read but not yet due.
  private var waitingSound: UnsafeMutablePointer<AVPacket>?
  private var state = State.open

  private enum State {
    case open, finished
    case failed(any Error)
  }

  private enum Track {
    static let video = 0
    static let sound = 1
  }

  /// Creates the partial file and opens the source of the sound.
  ///
  /// - Parameters:
  ///   - path: of the video; its folder is there.
  ///   - frameRate: kept exactly; numerator and denominator, reduced, below 2^31.
  /// - Throws: `MediaError`, `OutputError`.
  package init(
    path: String, rows: Int, columns: Int, frameRate: Rational,
    options: VideoWriterOptions = .init()
  ) throws {
    self.path = path
    self.rows = rows
    self.columns = columns
    self.frameRate = frameRate
    try Self.checkOutput(path, mayExist: options.overwrites)
    frameTime = try Self.frameTime(path: path, rate: frameRate)
    guard (1...Self.longestSide).contains(rows), (1...Self.longestSide).contains(columns) else {
      throw MediaError.notEncodable(
        path: path,
        reason: "\(columns)x\(rows) pixels; H.264 has 1 to \(Self.longestSide) a side")
    }
    FFmpegLog.capture
    conversion = try PictureConversion(path: path, rows: rows, columns: columns)
    encoder = try H264Encoder(
      path: path, columns: conversion.frame.pointee.width, rows: conversion.frame.pointee.height,
      frameTime: frameTime, options: options)
    let input = try options.sound.flatMap { try SoundInput($0) }
    file = try AtomicFile(path: path)
    (muxer, sound) = try Self.begin(
      file: file, encoder: encoder, frameTime: frameTime, input: input, metadata: options.metadata)
  }

  /// Adds a picture.
  ///
  /// - Parameter pixels: `[rows, columns, 3]`, U8.
  /// - Throws: `OutputError`, `MediaError`, `TensorError`; the writer is of no more use then.
  package func append(_ pixels: Tensor, order: PixelOrder) throws {
    try whileOpen {
      try conversion.convert(pixels, order: order)
      conversion.frame.pointee.pts = Int64(frameCount)
      try encoder.send(conversion.frame)
      frameCount += 1
      try writePackets()
    }
  }

  /// Writes what is still missing and gives the file its name.
  ///
  /// - Returns: what the file holds.
  /// - Throws: `OutputError`, `MediaError`; the file is removed then.
  package func finish() throws -> WrittenVideo {
    try whileOpen {
      guard frameCount > 0 else {
        throw MediaError.notEncodable(path: path, reason: "no picture was written")
      }
      try encoder.send(nil)
      try writePackets()
      try writeSound(before: nil, isFinal: true)
      try muxer.finish()
      try file.finish()
    }
    state = .finished
    let (ticks, overflow) = frameCount.multipliedReportingOverflow(by: frameRate.denominator)
    precondition(!overflow, "a duration of \(frameCount) frames")
    return WrittenVideo(
      frameCount: frameCount, duration: Rational(ticks, frameRate.numerator),
      sound: sound?.written, warnings: sound?.warnings ?? [])
  }

  /// Removes what was written. Nothing happens to a finished video.
  package func cancel() {
    if case .finished = state { return }
    state = .failed(MediaError.cancelled(path: path))
    file.discard()
  }

  private func whileOpen<Result>(_ work: () throws -> Result) throws -> Result {
    switch state {
    case .open: break
    case .finished: preconditionFailure("\(path) was finished already")
    case .failed(let error): throw error
    }
    do { return try work() } catch {
      state = .failed(error)
      file.discard()
      throw error
    }
  }

  // MARK: Packets

  /// Writes the packets that are ready, and each time the sound up to there: neither the muxer nor
  /// a player has to hold one back for the other.
  private func writePackets() throws {
    while let packet = try encoder.receive() {
      let time = packet.pointee.dts
      guard try muxer.write(packet, track: Track.video, timeBase: frameTime) else {
        throw MediaError.notEncodable(path: path, reason: "MP4 refuses a packet of libx264")
      }
      try writeSound(before: time, isFinal: false)
    }
  }

  /// Writes sound.
  ///
  /// - Parameters:
  ///   - time: in frames, where to stop; nil for none.
  ///   - isFinal: whether the video becomes no longer.
  private func writeSound(before time: Int64?, isFinal: Bool) throws {
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

  // MARK: Beginning

  /// The most pixels of a side that libx264 takes.
  private static let longestSide = 16384

  private static func checkOutput(_ path: String, mayExist: Bool) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    // Renaming onto a device or a pipe would replace it.
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw OutputError.unwritable(
        path: path, reason: "there is something of this name that is no file")
    }
    guard mayExist else { throw OutputError.unwritable(path: path, reason: "it is there already") }
  }

  private static func frameTime(path: String, rate: Rational) throws -> AVRational {
    var numerator: Int32 = 0
    var denominator: Int32 = 0
    let isExact = av_reduce(
      &numerator, &denominator, Int64(rate.numerator), Int64(rate.denominator), Int64(Int32.max))
    guard isExact == 1, numerator > 0 else {
      throw MediaError.notEncodable(
        path: path, reason: "\(rate.numerator)/\(rate.denominator) frames a second")
    }
    return AVRational(num: denominator, den: numerator)
  }

  /// Begins the file with the sound as it is; where MP4 does not take that, with it encoded anew.
  private static func begin(
    file: AtomicFile, encoder: H264Encoder, frameTime: AVRational, input: SoundInput?,
    metadata: [String: String]
  ) throws -> (MP4Muxer, SoundTrack?) {
    var candidates: [() -> SoundTrack?] = [{ nil }]
    if let input {
      candidates = [
        { CopiedSound(input) }, { EncodedSound(input) }, { UnusableSound(input) },
      ]
    }
    for candidate in candidates {
      let sound = candidate()
      if input != nil && sound == nil { continue }
      var timescale = Int64(frameTime.den)
      while timescale < 10_000 { timescale *= 2 }
      let muxer = try MP4Muxer(file: file, timescale: timescale, metadata: metadata)
      try muxer.addTrack(timeBase: frameTime) {
        avcodec_parameters_from_context($0, encoder.context)
      }
      if let sound, let parameters = sound.parameters {
        try muxer.addTrack(timeBase: sound.timeBase) { avcodec_parameters_copy($0, parameters) }
      }
      if try muxer.begin() { return (muxer, sound) }
    }
    throw MediaError.notEncodable(path: file.path, reason: "MP4 refuses the video")
  }
}
