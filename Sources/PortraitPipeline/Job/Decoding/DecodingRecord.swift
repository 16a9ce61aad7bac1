import Checkpoints
import Foundation
import MediaIO
import OutputFiles
import TensorCore
import WanModels

/// How far a decoding has come: which pieces of video are whole, and the decoder's memory behind the
/// last of them. It is written after the pieces that it counts; those that are newer are made again.
struct DecodingRecord {
  /// A place between two pieces.
  struct Position {
    /// Digest of each piece that is whole.
    var digests: [String] = []
    /// The decoder behind them; nil where nothing is left to be decoded.
    var session: SavedSession?
  }

  private let folder: WorkFolder
  private let fingerprint: Fingerprint
  private let pieces: [VideoPieces.Piece]

  /// Of the record itself, in the folder of the pieces.
  static let fileName = "decoder.safetensors"
  private static let name = "\(JobFile.video.rawValue)/\(fileName)"
  private static let digestsKey = "piece_digests"

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint, _ pieces: [VideoPieces.Piece]) {
    self.folder = folder
    self.fingerprint = fingerprint
    self.pieces = pieces
  }

  /// The path of a piece's file.
  func path(of piece: VideoPieces.Piece) -> String {
    folder.file("\(JobFile.video.rawValue)/\(piece.name)")
  }

  /// The position that an earlier run has come to.
  ///
  /// - Parameter note: is told why there is none, where files of one were found.
  /// - Throws: `TensorError.outOfMemory`, what `note` throws.
  func kept(_ note: (String) throws -> Void) throws -> Position? {
    let file = folder.kept(Self.name, fingerprint)
    let notes = folder.takeNotes()
    for text in notes { try note(text) }
    guard let file else {
      if notes.isEmpty, try !OutputFolder.names(in: place).filter(VideoPieces.isPiece).isEmpty {
        try note("\(folder.file(Self.name)): is missing; decoding starts over")
      }
      return nil
    }
    let digests = file.metadata[Self.digestsKey].map {
      $0.split(separator: ",", omittingEmptySubsequences: true).map(String.init)
    }
    guard let digests, digests.count <= pieces.count else {
      try note("\(file.path): cannot be used; decoding starts over")
      return nil
    }
    for (piece, digest) in zip(pieces, digests) where try self.digest(of: piece) != digest {
      try note("\(path(of: piece)): is missing or was changed; decoding starts over")
      return nil
    }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    return Position(
      digests: digests,
      session: digests.count == pieces.count
        ? nil
        : SavedSession(
          tensors: Dictionary(tensors) { first, _ in first }, metadata: file.metadata))
  }

  /// Writes a position, whose pieces are on disk, in the place of the one before.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(_ position: Position) throws {
    let digests = position.digests.joined(separator: ",")
    let tensors = (position.session?.tensors ?? [:]).map { (name: $0.key, tensor: $0.value) }
    try folder.write(
      Self.name, tensors, fingerprint,
      metadata: (position.session?.metadata ?? [:]).merging([Self.digestsKey: digests]) { $1 })
  }

  /// Makes the folder, and removes what a run has left there that was killed.
  ///
  /// - Throws: `OutputError`.
  func prepare() throws {
    try OutputFolder.make(place)
    try AtomicFile.removeAbandoned(in: place)
  }

  /// Removes the position, and then the pieces: whatever stops this, no position counts pieces that
  /// are not there.
  ///
  /// - Throws: `OutputError`.
  func removeAll() throws {
    try OutputFolder.removeFile(folder.file(Self.name))
    for name in try OutputFolder.names(in: place) where VideoPieces.isPiece(name) {
      try OutputFolder.removeFile("\(place)/\(name)")
    }
  }

  /// What tells a piece's bytes from others; nil where there is no file.
  ///
  /// - Throws: `MediaError`.
  func digest(of piece: VideoPieces.Piece) throws -> String? {
    do { return try FileDigest.sha256(ofFile: path(of: piece)) } catch MediaError.missing {
      return nil
    }
  }

  private var place: String { folder.file(JobFile.video.rawValue) }
}
