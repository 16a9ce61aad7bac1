import Checkpoints
import TestSupport
import Testing
import WanModels

/// Damaged models: refused with an error, or harmless. The library would read outside its memory for
/// some of them.
@Suite struct TokenizerMutationTests {
  private static let texts = [
    "", "  a  ", "kalo min ＡＢＣ\u{3000}ﬁn e\u{0301}", "女孩在唱歌 \u{FDFA}\u{200B}🙂",
    "\u{0}\u{1}\u{7F}\u{85}",
    "[scene]kalo[scene-2", String(repeating: "tesra ", count: 50),
  ]

  /// Loads a model and, where that works, encodes texts.
  ///
  /// - Returns: whether it was taken.
  private static func survives(_ bytes: [UInt8]) throws -> Bool {
    do {
      let tokenizer = try bytes.withUnsafeBytes { try Tokenizer($0, path: "damaged.model") }
      for text in texts {
        let encoding = try tokenizer.encode(text)
        #expect(encoding.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.pieceCount })
      }
      return true
    } catch is CheckpointError {
      return false
    }
  }

  private static func mutated(
    _ bytes: [UInt8], using generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = bytes
    let place = Int.random(in: 0..<bytes.count, using: &generator)
    let length = min(Int.random(in: 1...64, using: &generator), bytes.count - place)
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
    case 2: bytes.removeLast(bytes.count - place)
    case 3: bytes.removeSubrange(place..<place + length)
    case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
    default:
      for index in place..<place + length {
        bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
    }
    return bytes
  }

  @Test(arguments: ["rules.model", "rules_bytes.model"])
  func randomDamageIsHarmless(file: String) throws {
    let bytes = try TokenizerFixture.bytes(file)
    #expect(try Self.survives(bytes))
    var generator = SeededGenerator(seed: 5)
    var refused = 0
    let count = 1500
    for _ in 0..<count {
      var damaged = Self.mutated(bytes, using: &generator)
      if Bool.random(using: &generator), !damaged.isEmpty {
        damaged = Self.mutated(damaged, using: &generator)
      }
      if try !Self.survives(damaged) { refused += 1 }
    }
    // A changed letter or score is still a model.
    #expect(refused > count / 10)
  }

  @Test func cutModelsAreHarmless() throws {
    let bytes = try TokenizerFixture.bytes("rules.model")
    for count in stride(from: 0, to: bytes.count, by: 7) {
      // At the end of a piece the rest is a model with fewer pieces.
      _ = try Self.survives(Array(bytes.prefix(count)))
    }
    #expect(try !Self.survives(Array(bytes.dropLast())))
  }
}
