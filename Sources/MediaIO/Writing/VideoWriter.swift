import CFFmpeg
import Foundation
import Imaging
import OutputFiles
import TensorCore

/// Writes pictures, one at a time, as H.264 in MP4, with sound from another file.
///
/// The file appears under its name when it is finished; one that is cancelled, dropped or fails is
/// removed. Memory does not grow with the video, but for the file's index (about 90 bytes for each
/// packet of pictures or sound). The same input gives the same bytes on any number of cores.
///
/// The first picture is a key frame, and none refers to a picture of another file: `VideoJoiner`
/// puts files of the same size, rate, quality and preset together.
///
/// The pictures are 8-bit Y'CbCr 4:2:0 of BT.709 in limited range, and tagged so. Such video has an
/// even size: an odd one becomes even by one copy of the last row or column.
package final class VideoWriter {
  package let path: String
  package let rows: Int
  package let columns: Int
  package let frameRate: Rational
  package private(set) var frameCount = 0

  private let conversion: PictureConversion
  private let encoder: H264Encoder
  private let file: VideoFile
  private var state = State.open

  private enum State {
    case open, finished
    case failed(any Error)
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
    try VideoFile.check(path, mayExist: options.overwrites)
    let frameTime = try Self.frameTime(path: path, rate: frameRate)
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
    let context = encoder.context
    file = try VideoFile(path: path, frameTime: frameTime, options: options) {
      avcodec_parameters_from_context($0, context)
    }
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
    let written = try whileOpen {
      // An encoder that was sent nothing has nothing to end.
      if frameCount > 0 {
        try encoder.send(nil)
        try writePackets()
      }
      return try file.finish(frameCount: frameCount)
    }
    state = .finished
    return written
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

  /// Writes the packets that are ready.
  private func writePackets() throws {
    while let packet = try encoder.receive() {
      try file.append(packet, frameCount: frameCount)
    }
  }

  // MARK: Beginning

  /// The most pixels of a side that libx264 takes.
  private static let longestSide = 16384

  private static func frameTime(path: String, rate: Rational) throws -> AVRational {
    var numerator: Int32 = 0
    var denominator: Int32 = 0
    let isExact = av_reduce(
      &numerator, &denominator, Int64(rate.numerator), Int64(rate.denominator), Int64(Int32.max))
    guard isExact == 1, numerator > 0 else {
      throw MediaError.notEncodable(
        path: path, reason: "\(rate) frames a second")
    }
    return AVRational(num: denominator, den: numerator)
  }
}
