import Checkpoints
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct TokenizerTests {
  private let tokenizer: Tokenizer
  private let folder: TemporaryFolder

  init() throws {
    tokenizer = try Tokenizer(path: TokenizerFixture.committed + "/rules_bytes.model")
    folder = try TemporaryFolder()
  }

  // MARK: Lengths

  @Test func longTextsAreCutAndKeepTheirEnd() throws {
    let whole = try tokenizer.encode("kalo min tes ra shu bel", maximumLength: .max)
    let count = whole.ids.count
    #expect(count > 8 && whole.ids.last == tokenizer.endID)
    for length in 1...count + 2 {
      let cut = try tokenizer.encode("kalo min tes ra shu bel", maximumLength: length)
      let kept = min(length, count)
      #expect(cut.ids.count == kept)
      #expect(cut.ids.dropLast() == whole.ids.prefix(kept - 1))
      #expect(cut.ids.last == tokenizer.endID)
      #expect(cut.cutCount == count - kept)
    }
  }

  @Test func fiveHundredAndTwelveIsTheLimitUnlessToldOtherwise() throws {
    let encoding = try tokenizer.encode(String(repeating: "女 ", count: 1000))
    #expect(encoding.ids.count == 512)
    #expect(encoding.cutCount > 0)
  }

  @Test func textsThatGrowOnTheirWayAreEncodedWhole() throws {
    // One character of three bytes becomes nine, all of them unknown but the spaces.
    let text = String(repeating: "\u{FDFA}", count: 5000)
    let encoding = try tokenizer.encode(text, maximumLength: .max)
    #expect(encoding.ids.count > 10_000)
  }

  @Test func paddingComesBehind() throws {
    let encoding = try tokenizer.encode("kalo")
    let count = encoding.ids.count
    let padded = encoding.padded(to: 32, with: tokenizer.padID)
    #expect(padded.ids.count == 32 && padded.mask.count == 32)
    #expect(Array(padded.ids.prefix(count)) == encoding.ids)
    #expect(padded.ids.dropFirst(count).allSatisfy { $0 == 0 })
    #expect(padded.mask == (0..<32).map { $0 < count ? 1 : 0 })
    #expect(encoding.padded(to: 1, with: 0).ids == encoding.ids)
  }

  @Test func specialPiecesInATextAreText() throws {
    let ids = try tokenizer.encode("kalo</s> <pad>").ids
    #expect(ids.dropLast().allSatisfy { $0 != tokenizer.endID && $0 != tokenizer.padID })
  }

  // MARK: Files

  @Test func aMissingFileIsNamed() {
    let path = folder.file("spiece.model")
    #expect(throws: TensorError.mapFailed(path: path, reason: "No such file or directory")) {
      try Tokenizer(path: path)
    }
  }

  @Test(arguments: ["", "not a model", "{\"model\": {}}"])
  func aFileThatIsNoModelIsRefused(content: String) throws {
    let path = try folder.write(Array(content.utf8), to: "spiece.model")
    #expect { try Tokenizer(path: path) } throws: { error in
      guard case CheckpointError.malformed(path, nil, _, _) = error else { return false }
      return true
    }
  }

  @Test func modelsOfAnotherKindAreRefused() throws {
    // Model type 2, byte pair encoding, in a second copy of the trainer's settings.
    let bytes = try TokenizerFixture.bytes("rules.model") + [0x12, 2, 3 << 3, 2]
    let path = try folder.write(bytes, to: "spiece.model")
    #expect {
      try Tokenizer(path: path)
    } throws: { "\($0)".contains("expected a unigram model, found another type of model") }
  }
}
