import CFFmpeg

/// Joins pieces of a video, each written by a `VideoWriter` of its own, without encoding anew.
///
/// The pictures are those of the pieces, one after the other, and the file is like one that a single
/// `VideoWriter` has made: exact times, sound and tags as there. It depends on nothing but the
/// pieces, the metadata and the sound. One piece is open at a time.
package enum VideoJoiner {
  /// Writes a file from pieces.
  ///
  /// - Parameters:
  ///   - pieces: files without sound, of the same size, rate, quality and preset, in their order.
  ///   - path: of the video; its folder is there.
  ///   - options: of which metadata, sound and what becomes of an older file count here.
  ///   - report: hears after each piece how many pictures are written; what it throws stops the work.
  /// - Throws: `MediaError`, of a piece `.missing`, `.malformed`, `.pieceDiffers` and the others of
  ///   files that are read; `OutputError`. Nothing is left behind then.
  @discardableResult
  package static func join(
    _ pieces: [String], to path: String, options: VideoWriterOptions = .init(),
    report: (_ framesDone: Int) throws -> Void = { _ in }
  ) throws -> WrittenVideo {
    try VideoFile.check(path, mayExist: options.overwrites)
    guard let first = pieces.first else {
      throw MediaError.notEncodable(path: path, reason: "there are no pieces to join")
    }
    let joined = try JoinedVideo(path: path, like: VideoPiece(first), options: options)
    for piece in pieces {
      try joined.append(piece)
      try report(joined.frameCount)
    }
    return try joined.file.finish(frameCount: joined.frameCount)
  }
}

/// A video that grows by pieces.
private final class JoinedVideo {
  let file: VideoFile
  private(set) var frameCount = 0

  private let kind: PieceKind
  /// Pictures by which decoding is ahead of showing.
  private let delay: Int64

  init(path: String, like piece: VideoPiece, options: VideoWriterOptions) throws {
    kind = PieceKind(piece)
    // What the sequence's parameters say; the pieces' own times say less where they are short.
    delay = Int64(max(0, piece.parameters.pointee.video_delay))
    file = try VideoFile(path: path, frameTime: piece.frameTime, options: options) {
      let code = avcodec_parameters_copy($0, piece.parameters)
      // Of the piece, not of the whole.
      $0.pointee.bit_rate = 0
      return code
    }
  }

  func append(_ path: String) throws {
    let piece = try VideoPiece(path)
    if let (found, expected) = PieceKind(piece).difference(from: kind) {
      throw MediaError.pieceDiffers(path: path, found: found, expected: expected)
    }
    let start = Int64(frameCount)
    while let (packet, picture) = try piece.next() {
      packet.pointee.pts = start + Int64(picture)
      packet.pointee.dts = Int64(frameCount) - delay
      packet.pointee.duration = 1
      guard packet.pointee.dts <= packet.pointee.pts else {
        throw MediaError.malformed(
          path: path, expected: "a piece of H.264 video",
          reason: "its pictures are shown before they are decoded")
      }
      frameCount += 1
      try file.append(packet, frameCount: frameCount)
    }
  }
}

/// What the pieces of a video have in common.
private struct PieceKind {
  private let columns: Int32
  private let rows: Int32
  private let frameTime: AVRational
  private let parameterSets: [UInt8]

  init(_ piece: VideoPiece) {
    columns = piece.parameters.pointee.width
    rows = piece.parameters.pointee.height
    frameTime = piece.frameTime
    parameterSets = piece.parameterSets
  }

  /// What this piece has, and what the others have; nil where there is no difference.
  func difference(from other: PieceKind) -> (found: String, expected: String)? {
    if (columns, rows) != (other.columns, other.rows) { return (size, other.size) }
    if av_cmp_q(frameTime, other.frameTime) != 0 { return (rate, other.rate) }
    // The settings of quality that decoders have to know are among them.
    if parameterSets != other.parameterSets {
      return ("other settings of H.264", "those of the first")
    }
    return nil
  }

  private var size: String { "\(columns)x\(rows) pixels" }

  private var rate: String { "\(frameTime.den)/\(frameTime.num) frames a second" }
}
