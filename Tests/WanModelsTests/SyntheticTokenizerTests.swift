import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct SyntheticTokenizerTests {
  private static let texts = [
    "", " ", "a", "The girl is singing", "  two   spaces ", "Käse, 猫, 🙂, \u{0301}", "\u{0}\u{7f}\n",
    String(repeating: "long ", count: 3000),
  ]

  @Test(arguments: [4, 5, 64, 200, 259, 260, 300, 1000, 256_384])
  func everyTextBecomesNumbersBelowTheVocabularySize(vocabularySize: Int) throws {
    let tokenizer = try tokenizer(SyntheticTokenizer.modelBytes(vocabularySize: vocabularySize))
    #expect(tokenizer.pieceCount <= vocabularySize)
    #expect(tokenizer.endID == 1)
    #expect(tokenizer.padID == 0)
    for text in Self.texts {
      let encoding = try tokenizer.encode(text)
      #expect(encoding.ids.count <= 512)
      #expect(encoding.ids.last == 1)
      #expect(encoding.ids.allSatisfy { (0..<Int32(vocabularySize)).contains($0) })
    }
  }

  @Test func bytesStandForWhatNoPieceHolds() throws {
    let model = try SyntheticTokenizer.modelBytes(vocabularySize: 1000)
    let tokenizer = try model.withUnsafeBytes {
      try Tokenizer($0, path: "synthetic.model", unknownCharacters: .bytes)
    }
    // The space in front is a piece of its own; then the bytes E7 8C AB, from number 3 on.
    let space: Int32 = 3 + 256
    #expect(
      try tokenizer.encode("猫").ids == [space, 3 + 0xE7, 3 + 0x8C, 3 + 0xAB, 1])
  }

  @Test func aVocabularyWithoutRoomIsRefused() {
    #expect(throws: NetworkError.self) { try SyntheticTokenizer.modelBytes(vocabularySize: 3) }
  }

  private func tokenizer(_ bytes: [UInt8]) throws -> Tokenizer {
    try bytes.withUnsafeBytes { try Tokenizer($0, path: "synthetic.model") }
  }
}
