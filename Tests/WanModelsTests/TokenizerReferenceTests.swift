import Foundation
import TestSupport
import Testing
import WanModels

/// Numbers bit for bit those of SentencePiece and of transformers' T5 tokenizer.
@Suite struct TokenizerReferenceTests {
  @Test func numbersAreThoseOfSentencePiece() throws {
    for model in try TokenizerFixture.load().models {
      let tokenizer = try Tokenizer(
        path: TokenizerFixture.folder + "/" + model.file, unknownCharacters: .bytes)
      #expect(model.texts.count == model.sentencepiece.count)
      for (text, ids) in zip(model.texts, model.sentencepiece) {
        let got = try tokenizer.encode(text, maximumLength: .max)
        #expect(got.ids.elementsEqual(ids), "\(model.file): \(text.debugDescription)")
        #expect(got.cutCount == 0)
      }
    }
  }

  @Test func numbersAreThoseOfTransformers() throws {
    for model in try TokenizerFixture.load().models {
      let tokenizer = try Tokenizer(path: TokenizerFixture.folder + "/" + model.file)
      let known = zip(model.texts, model.transformers).filter { $1 != nil }
      #expect(known.count > 10)
      for (text, ids) in known {
        let got = try tokenizer.encode(text, maximumLength: .max)
        #expect(got.ids.elementsEqual(ids ?? []), "\(model.file): \(text.debugDescription)")
      }
    }
  }

  /// What T5's tokenizer cuts at, and nothing else: what HTML escapes stays as it is.
  @Test(arguments: [
    ("", ""), (" \n", ""), ("  a\t\r\nb\u{85}c\u{a0}\u{3000}d ", "a b c d"),
    ("a\u{200b}b\u{1c}c", "a\u{200b}b\u{1c}c"), ("AT&amp;T &lt;3", "AT&amp;T &lt;3"),
    ("e\u{301} \u{1F1E9}\u{1F1EA}", "e\u{301} \u{1F1E9}\u{1F1EA}"),
  ])
  func stretchesOfWhiteSpaceAreSingleSpaces(text: String, expected: String) {
    let got = PromptText.withSingleSpaces(text)
    #expect(got.unicodeScalars.elementsEqual(expected.unicodeScalars))
  }
}
