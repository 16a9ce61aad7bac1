import Foundation
import WanModels

/// Models and expected numbers that scripts/reference/check_tokenizer.py wrote.
struct TokenizerFixture: Decodable, Sendable {
  struct Model: Decodable, Sendable {
    let file: String
    let texts: [String]
    let sentencepiece: [[Int32]]
    /// Nil where transformers is known to differ from SentencePiece (the script says why).
    let transformers: [[Int32]?]
  }

  let models: [Model]

  /// The folder that is committed beside the tests.
  static let committed = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/tokenizer").path

  /// `FLASHPORTRAIT_TOKENIZER_CASES`, else the committed one.
  static let folder =
    ProcessInfo.processInfo.environment["FLASHPORTRAIT_TOKENIZER_CASES"] ?? committed

  static func load() throws -> TokenizerFixture {
    let file = URL(fileURLWithPath: folder + "/cases.json")
    return try JSONDecoder().decode(TokenizerFixture.self, from: Data(contentsOf: file))
  }

  /// A committed model's bytes.
  static func bytes(_ file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: committed + "/" + file)))
  }
}
