import Layers
import MediaIO
import OutputFiles
import TensorCore
import WanModels

/// Latents to pixels to pieces of H.264, in the work folder's `video`, that a later run takes up: the
/// pieces have the same bytes however often it was stopped, on any number of threads.
///
/// Neither the latents nor the pixels are ever in memory as a whole.
package struct VideoDecoding {
  private let decoder: LatentDecoder
  private let latents: (Range<Int>) throws -> Tensor
  private let keeping: Range<Int>
  private let frameRate: Rational
  private let options: VideoWriterOptions
  private let pieces: [VideoPieces.Piece]
  private let record: DecodingRecord

  /// - Parameters:
  ///   - decoder: of the latents.
  ///   - latentFrames: of the clip.
  ///   - keeping: those of the frames made of them that the pieces hold, not empty.
  ///   - options: quality and preset count, nothing else.
  ///   - fingerprint: of all that decides on the pixels: the latents and the decoder's weights.
  ///   - latents: some latent frames, `[channels, frames, rows, columns]` float32, normalised.
  package init(
    decoder: LatentDecoder, latentFrames: Int, keeping: Range<Int>, frameRate: Rational,
    options: VideoWriterOptions, folder: WorkFolder, fingerprint: Fingerprint,
    latents: @escaping (Range<Int>) throws -> Tensor
  ) {
    self.decoder = decoder
    self.latents = latents
    self.keeping = keeping
    self.frameRate = frameRate
    self.options = VideoWriterOptions(
      quality: options.quality, preset: options.preset, overwrites: true)
    pieces =
      VideoPieces(
        latentFrames: latentFrames, keeping: keeping, pixelFrames: decoder.pixelFrames
      ).pieces
    var fingerprint = fingerprint
    fingerprint.add("frames", "\(keeping) of \(latentFrames) latent frames")
    fingerprint.add("frame rate", frameRate)
    fingerprint.add("--crf", options.quality)
    fingerprint.add("--preset", options.preset.rawValue)
    record = DecodingRecord(folder, fingerprint, pieces)
  }

  /// A run's place between two latent frames.
  private struct Progress {
    var session: any DecodingSession
    /// Digests of the pieces that are whole.
    var digests: [String]
    /// The piece after those, where the encoder is not yet done with it.
    var finishing: FinishingPiece?
    /// Whether the record is that of the last whole piece.
    var isRecorded = true
    var pace = SavingPace()
    /// Whether it was told that there is no room for the record.
    var hasWarned = false
  }

  /// Decodes what is not decoded yet.
  ///
  /// - Parameter report: is told of every latent frame, in frames that are kept; what it throws ends
  ///   the run, which loses little more than the piece in hand.
  /// - Returns: paths of the pieces, in order of time.
  /// - Throws: `NetworkError`, `TensorError`, `MediaError`, `OutputError`, what `latents` and `report`
  ///   throw.
  package func run(_ report: (JobEvent) throws -> Void) throws -> [String] {
    try record.prepare()
    let paths = pieces.map(record.path)
    guard var progress = try begun(report) else {
      try report(.kept(.decoding))
      return paths
    }
    try report(
      .began(.decoding, total: keeping.count, resumed: keptFrames(progress.session)))
    // Nothing is written any more when this returns; an error of its own is not the first then.
    defer { do { try progress.finishing?.wait() } catch {} }
    for piece in pieces[progress.digests.count...] { try decode(piece, &progress, report) }
    try report(.finished(.decoding))
    return paths
  }

  /// Where an earlier run has come to, else the clip's beginning; nil where nothing is left to do.
  private func begun(_ report: (JobEvent) throws -> Void) throws -> Progress? {
    let position = try record.kept { try report(.note($0)) }
    if let position, position.digests.count == pieces.count { return nil }
    let session = try decoder.session(like: latents(0..<1))
    if let position, let progress = try resumed(session, position, report) { return progress }
    try record.removeAll()
    return Progress(session: session, digests: [])
  }

  private func resumed(
    _ session: any DecodingSession, _ position: DecodingRecord.Position,
    _ report: (JobEvent) throws -> Void
  ) throws -> Progress? {
    guard let saved = position.session, let last = position.digests.indices.last else { return nil }
    var session = session
    do { try session.restore(saved) } catch let error as NetworkError {
      try report(.note("\(error); decoding starts over"))
      return nil
    }
    guard session.latentFrameCount == pieces[last].latentEnd else {
      try report(
        .note("the saved decoder belongs to another place of the clip; decoding starts over"))
      return nil
    }
    return Progress(session: session, digests: position.digests)
  }

  /// Frames of the output that a session has made.
  private func keptFrames(_ session: any DecodingSession) -> Int {
    let made = decoder.pixelFrames(ofLatentFrames: session.latentFrameCount)
    return (0..<made).clamped(to: keeping).count
  }

  // MARK: Pieces

  private func decode(
    _ piece: VideoPieces.Piece, _ progress: inout Progress, _ report: (JobEvent) throws -> Void
  ) throws {
    var writer: VideoWriter?
    while progress.session.latentFrameCount < piece.latentEnd {
      let first = progress.session.latentFrameCount
      let start = decoder.pixelFrames(ofLatentFrames: first)
      let pixels = try progress.session.decode(latents(first..<first + 1))
      let made = start..<start + pixels.shape[0]
      let wanted = made.clamped(to: piece.frames)
      if !wanted.isEmpty {
        let frames = try pixels.sliced(wanted.lowerBound - start..<wanted.upperBound - start)
          .displayBytes(on: decoder.context)
        let open = try writer ?? self.writer(of: piece, frames)
        writer = open
        for index in 0..<frames.shape[0] { try open.append(frames[index], order: .rgb) }
      }
      if progress.session.latentFrameCount == piece.latentEnd, let writer {
        try finish(piece, writer, &progress, report)
      }
      try advanced(&progress, report)
    }
  }

  private func writer(of piece: VideoPieces.Piece, _ frames: Tensor) throws -> VideoWriter {
    try VideoWriter(
      path: record.path(of: piece), rows: frames.shape[1], columns: frames.shape[2],
      frameRate: frameRate, options: options)
  }

  /// Completes a piece, and writes down the position behind it where that pays.
  private func finish(
    _ piece: VideoPieces.Piece, _ writer: VideoWriter, _ progress: inout Progress,
    _ report: (JobEvent) throws -> Void
  ) throws {
    try settle(&progress)
    progress.finishing = FinishingPiece(piece, writer)
    progress.isRecorded = false
    if piece == pieces.last { return try save(&progress) }
    guard progress.pace.isDue else { return }
    try settle(&progress)
    // Without room for the record there may still be some for the video.
    do { try save(&progress) } catch let error as OutputError where error.isDiskFull {
      if !progress.hasWarned {
        try report(.warning("\(error); until there is room, decoding cannot be resumed from here"))
      }
      progress.hasWarned = true
    }
  }

  /// Waits for the encoder.
  private func settle(_ progress: inout Progress) throws {
    guard let finishing = progress.finishing else { return }
    progress.finishing = nil
    try finishing.wait()
    guard let digest = try record.digest(of: finishing.piece) else {
      throw OutputError.unwritable(
        path: record.path(of: finishing.piece), reason: "it was removed while the job ran")
    }
    progress.digests.append(digest)
  }

  private func save(_ progress: inout Progress) throws {
    try settle(&progress)
    let isDone = progress.digests.count == pieces.count
    let position = DecodingRecord.Position(
      digests: progress.digests, session: isDone ? nil : try progress.session.saved())
    try progress.pace.save { try record.write(position) }
    progress.isRecorded = true
  }

  /// Tells what is done; where that ends the run behind a whole piece, its position is kept.
  private func advanced(
    _ progress: inout Progress, _ report: (JobEvent) throws -> Void
  ) throws {
    do { try report(.advanced(.decoding, done: keptFrames(progress.session))) } catch {
      let isBehindPiece = pieces.contains { $0.latentEnd == progress.session.latentFrameCount }
      if isBehindPiece && !progress.isRecorded {
        // Where that fails, the record of an earlier piece is still there.
        do { try save(&progress) } catch is OutputError {}
      }
      throw error
    }
  }
}
