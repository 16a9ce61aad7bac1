import CSentencePiece
import Checkpoints
import Layers
import TensorCore

/// Cuts a prompt into the numbered pieces of a SentencePiece unigram model
/// (`google/umt5-xxl/spiece.model`).
///
/// The numbers are those of transformers' T5 tokenizer for the same file, with these exceptions, of
/// which scripts/reference/check_tokenizer.py counts how often they occur:
/// - the text of a special piece in a prompt ("</s>", "<extra_id_0>", "<0x41>") is text here and not
///   that piece, so that no prompt can end itself early;
/// - of two ways to cut a word that are equally likely ("ab" "a" "b", "a" "b" "ab") libsentencepiece
///   takes that whose float32 sum is rounded up, transformers compares in float64;
/// - transformers cuts at white space that the normaliser leaves alone (U+0085), and loses combining
///   marks behind a character that its normaliser replaces.
///
/// Take the text through `PromptText` first.
package final class Tokenizer: @unchecked Sendable {
  /// What becomes of characters that no piece of the model holds.
  package enum UnknownCharacters: Sendable {
    /// Neighbours together become the unknown piece, as in transformers' T5 tokenizer, with which Wan's
    /// transformer was trained: it takes no notice of the model's pieces for bytes.
    case unknownPiece
    /// Each becomes the pieces of its bytes where the model has them, as SentencePiece itself does.
    case bytes
  }

  /// A prompt in numbers.
  package struct Encoding: Sendable, Equatable {
    /// The pieces and the one that ends the text; at most as many as were asked for.
    package let ids: [Int32]
    /// Pieces left out because the text was too long.
    package let cutCount: Int
  }

  /// Number of the piece that ends a text, 1 in UMT5's model.
  package let endID: Int32
  /// Number of the piece that fills rows up, 0 in UMT5's model.
  package let padID: Int32
  /// Pieces in the model: every number is below.
  package let pieceCount: Int

  private let unknownID: Int32
  private let byteIDs: Set<Int32>
  private let unknownCharacters: UnknownCharacters
  /// The library only reads it while it encodes.
  private let model: OpaquePointer

  /// What the DiT takes (Wan2.1's `text_len`).
  package static let maximumLength = 512

  /// - Parameter path: of the model file.
  /// - Throws: `TensorError.mapFailed` where it cannot be read, `CheckpointError.malformed` where it
  ///   is damaged or no unigram model.
  package convenience init(
    path: String, unknownCharacters: UnknownCharacters = .unknownPiece
  ) throws {
    let file = try MappedFile(path: path)
    defer { withExtendedLifetime(file) {} }
    try self.init(
      UnsafeRawBufferPointer(start: file.base, count: file.byteCount), path: path,
      unknownCharacters: unknownCharacters)
  }

  /// - Parameters:
  ///   - bytes: of a model file.
  ///   - path: what errors call it.
  /// - Throws: `CheckpointError.malformed`.
  package init(
    _ bytes: UnsafeRawBufferPointer, path: String,
    unknownCharacters: UnknownCharacters = .unknownPiece
  ) throws {
    self.unknownCharacters = unknownCharacters
    do throws(SentencePieceCheck.Damage) {
      let check = try SentencePieceCheck(bytes)
      endID = check.endID
      padID = check.padID
      unknownID = check.unknownID
      byteIDs = check.byteIDs
      pieceCount = check.pieceCount
    } catch {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: error.expected, found: error.found)
    }
    let (model, message) = Self.withMessage { buffer, capacity in
      fp_sentencepiece_load(bytes.baseAddress, bytes.count, buffer, capacity)
    }
    guard let model else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a SentencePiece model", found: message)
    }
    self.model = model
  }

  deinit { fp_sentencepiece_free(model) }

  /// Encodes a text and ends it with `endID`.
  ///
  /// - Parameters:
  ///   - text: as it is: the model's own normaliser collapses spaces and compatible characters.
  ///   - maximumLength: numbers at most, the last of them `endID`; at least 1.
  /// - Throws: `NetworkError.input` where the library refuses the text.
  package func encode(_ text: String, maximumLength: Int = maximumLength) throws -> Encoding {
    precondition(maximumLength >= 1, "no room for the end of the text")
    let pieces = try pieces(of: text)
    let ids = unknownCharacters == .bytes ? pieces : withoutBytes(pieces)
    let kept = ids.prefix(maximumLength - 1)
    return Encoding(ids: kept + [endID], cutCount: ids.count - kept.count)
  }

  /// The unknown piece in the place of neighbouring bytes.
  private func withoutBytes(_ ids: [Int32]) -> [Int32] {
    guard !byteIDs.isEmpty else { return ids }
    var result: [Int32] = []
    for id in ids {
      let isByte = byteIDs.contains(id)
      if !isByte || result.last != unknownID { result.append(isByte ? unknownID : id) }
    }
    return result
  }

  /// The numbers of a text without an end.
  private func pieces(of text: String) throws -> [Int32] {
    var text = text
    return try text.withUTF8 { utf8 in
      // A piece for each byte is the most that a text has unless its normaliser makes it longer.
      var capacity = utf8.count + 16
      while true {
        var total: Int64 = 0
        var message = ""
        let ids = [Int32](unsafeUninitializedCapacity: capacity) { ids, count in
          (total, message) = Self.withMessage { buffer, size in
            fp_sentencepiece_encode(
              model, utf8.baseAddress, utf8.count, ids.baseAddress, Int64(capacity), buffer, size)
          }
          count = min(max(Int(total), 0), capacity)
        }
        guard total >= 0 else {
          throw NetworkError.input(
            network: "tokenizer", name: "text", expected: "text that the model can encode",
            found: message)
        }
        if ids.count == Int(total) { return ids }
        capacity = Int(total)
      }
    }
  }

  /// Calls a function of the library that writes a reason where it fails.
  private static func withMessage<Result>(
    _ body: (UnsafeMutablePointer<CChar>?, Int) -> Result
  ) -> (Result, message: String) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
      buffer.initialize(repeating: 0)
      let result = body(buffer.baseAddress, buffer.count)
      return (result, String(cString: buffer.baseAddress!))
    }
  }
}

extension Tokenizer.Encoding {
  /// The numbers filled up to a length, and a mask that is 1 for those that count (transformers'
  /// `padding="max_length"`).
  package func padded(to length: Int, with padID: Int32) -> (ids: [Int32], mask: [Int32]) {
    let missing = max(0, length - ids.count)
    return (
      ids + Array(repeating: padID, count: missing),
      Array(repeating: 1, count: ids.count) + Array(repeating: 0, count: missing)
    )
  }
}
