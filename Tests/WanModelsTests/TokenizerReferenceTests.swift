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

  @Test func cleaningIsThatOfPython() throws {
    for pair in try TokenizerFixture.load().cleaning {
      let got = PromptText.cleaned(pair[0])
      #expect(
        got.unicodeScalars.elementsEqual(pair[1].unicodeScalars), "\(pair[0].debugDescription)")
    }
  }
}
