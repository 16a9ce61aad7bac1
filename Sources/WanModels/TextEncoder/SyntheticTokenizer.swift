import Layers

/// A tokenizer model for checkpoints made by formula: any text becomes numbers below the vocabulary
/// size, though the cut into pieces means nothing.
package enum SyntheticTokenizer {
  /// The bytes of a `spiece.model`: the special pieces at UMT5's places, a piece for every byte where
  /// there is room (other characters then stay unknown, number 2), and single characters.
  ///
  /// - Parameter vocabularySize: rows of the network's token table; at least 4.
  /// - Throws: `NetworkError.configuration` where it is smaller.
  package static func modelBytes(vocabularySize: Int) throws -> [UInt8] {
    let special: [SentencePieceModel.Piece] = [
      .init("<pad>", .control), .init("</s>", .control), .init("<unk>", .unknown),
    ]
    guard vocabularySize > special.count else {
      throw NetworkError.configuration(
        network: "tokenizer", key: "vocab", expected: "at least \(special.count + 1)",
        found: "\(vocabularySize)")
    }
    let room = vocabularySize - special.count
    // The library wants one piece at least that is neither special nor a byte.
    let bytes = room > 256 ? (0..<256).map(bytePiece) : []
    let characters = characters.prefix(room - bytes.count).enumerated().map { index, text in
      SentencePieceModel.Piece(text, score: -2 - Float(index) / 16)
    }
    return SentencePieceModel(
      pieces: special + bytes + characters, hasByteFallback: !bytes.isEmpty
    ).bytes()
  }

  private static func bytePiece(_ byte: Int) -> SentencePieceModel.Piece {
    let digits = String(byte, radix: 16, uppercase: true)
    return .init("<0x\(byte < 16 ? "0" : "")\(digits)>", .byte)
  }

  /// SentencePiece's sign for a space, printable ASCII, and letters that begin a word.
  private static let characters: [String] = {
    let space = "\u{2581}"
    let ascii = (UInt8(0x21)...0x7E).map { String(UnicodeScalar($0)) }
    let letters = (UInt8(0x61)...0x7A).map { space + String(UnicodeScalar($0)) }
    return [space] + ascii + letters
  }()
}
