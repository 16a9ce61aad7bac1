/// What a tokenizer must know of a model file, gathered while every field that libsentencepiece trusts
/// blindly is checked: it would read outside its memory, or end the program, where one is damaged.
struct SentencePieceCheck {
  /// Number of the piece that ends a text.
  let endID: Int32
  /// Number of the piece that fills rows up.
  let padID: Int32
  /// Number of the piece that stands for what no other holds.
  let unknownID: Int32
  /// Numbers of the pieces that stand for single bytes.
  let byteIDs: Set<Int32>
  /// Pieces in the model.
  let pieceCount: Int

  /// What is wrong with a file.
  struct Damage: Error {
    let expected: String
    let found: String
  }

  private struct Findings {
    var endID: Int?
    var padID: Int?
    var unknownID: Int?
    var byteIDs: Set<Int32> = []
    var pieceCount = 0
    var normalCount = 0
    var userDefined: [[UInt8]] = []
  }

  /// The library's limit for user-defined pieces that begin each other.
  private static let chainLimit = 64

  /// - Parameter model: the bytes of the file.
  /// - Throws: `Damage`.
  init(_ model: UnsafeRawBufferPointer) throws(Damage) {
    guard model.count <= Int32.max else {
      throw Damage(expected: "at most 2 GiB", found: "\(model.count) bytes")
    }
    var findings = Findings()
    try Self.forEachField(of: model, "the model") { field throws(Damage) in
      switch (field.number, field.value) {
      case (SentencePieceModel.Field.piece, .bytes(let piece)):
        try Self.check(piece, &findings)
      case (SentencePieceModel.Field.trainer, .bytes(let trainer)):
        try Self.checkTrainer(trainer)
      case (SentencePieceModel.Field.normalizer, .bytes(let normalizer)),
        (SentencePieceModel.Field.denormalizer, .bytes(let normalizer)):
        try Self.checkNormalizer(normalizer)
      case (1...5, .bytes): break
      case (1...5, _): throw Damage(expected: "messages", found: "a number as the model's field")
      default: break
      }
    }
    guard findings.normalCount > 0 else {
      throw Damage(expected: "a SentencePiece model", found: "no ordinary piece")
    }
    guard let endID = findings.endID else {
      throw Damage(expected: "a piece '</s>' that ends a text", found: "none")
    }
    guard let unknownID = findings.unknownID else {
      throw Damage(expected: "a piece for unknown characters", found: "none")
    }
    try Self.checkChains(findings.userDefined)
    self.endID = Int32(endID)
    padID = Int32(findings.padID ?? 0)
    self.unknownID = Int32(unknownID)
    byteIDs = findings.byteIDs
    pieceCount = findings.pieceCount
  }

  private static func forEachField(
    of message: UnsafeRawBufferPointer, _ name: String,
    _ body: (ProtobufReader.Field) throws(Damage) -> Void
  ) throws(Damage) {
    var reader = ProtobufReader(message)
    while true {
      let field: ProtobufReader.Field?
      do throws(ProtobufReader.Damage) {
        field = try reader.next()
      } catch {
        throw Damage(
          expected: "a SentencePiece model",
          found: "\(error.found) at byte \(error.place) of \(name)")
      }
      guard let field else { return }
      try body(field)
    }
  }

  // MARK: Pieces

  private static func check(
    _ message: UnsafeRawBufferPointer, _ findings: inout Findings
  ) throws(Damage) {
    let number = findings.pieceCount
    var text: [UInt8] = []
    var kind = SentencePieceModel.Piece.Kind.normal
    try forEachField(of: message, "piece \(number)") { field throws(Damage) in
      switch (field.number, field.value) {
      case (SentencePieceModel.Field.text, .bytes(let bytes)): text = Array(bytes)
      case (SentencePieceModel.Field.score, .narrow(let bits)):
        let score = Float(bitPattern: bits)
        guard score.isFinite else {
          throw Damage(expected: "a score of piece \(number)", found: "\(score)")
        }
      case (SentencePieceModel.Field.kind, .integer(let value)):
        guard let known = SentencePieceModel.Piece.Kind(rawValue: value) else {
          throw Damage(expected: "a kind of piece \(number) from 1 to 6", found: "\(value)")
        }
        kind = known
      case (1...3, _):
        throw Damage(expected: "text, score and kind of piece \(number)", found: "another type")
      default: break
      }
    }
    guard let valid = String(validating: text, as: UTF8.self), !text.isEmpty, !text.contains(0)
    else {
      throw Damage(expected: "a text for piece \(number)", found: "none in UTF-8 without zeros")
    }
    switch kind {
    case .normal: findings.normalCount += 1
    case .userDefined: findings.userDefined.append(text)
    case .unknown: findings.unknownID = findings.unknownID ?? number
    case .byte: findings.byteIDs.insert(Int32(number))
    case .control, .unused: break
    }
    if valid == "</s>" { findings.endID = findings.endID ?? number }
    if valid == "<pad>" { findings.padID = findings.padID ?? number }
    findings.pieceCount += 1
  }

  /// Sorted, a text stands behind the texts that begin it.
  private static func checkChains(_ texts: [[UInt8]]) throws(Damage) {
    var chain: [[UInt8]] = []
    for text in texts.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      while let last = chain.last, !text.starts(with: last) { chain.removeLast() }
      chain.append(text)
      guard chain.count <= chainLimit else {
        throw Damage(
          expected: "at most \(chainLimit) user-defined pieces that begin each other",
          found: "\(chain.count)")
      }
    }
  }

  // MARK: Settings

  private static func checkTrainer(_ message: UnsafeRawBufferPointer) throws(Damage) {
    try forEachField(of: message, "the trainer's settings") { field throws(Damage) in
      guard field.number == SentencePieceModel.Field.modelType else { return }
      guard case .integer(SentencePieceModel.unigram) = field.value else {
        throw Damage(expected: "a unigram model", found: "another type of model")
      }
    }
  }

  private static func checkNormalizer(_ message: UnsafeRawBufferPointer) throws(Damage) {
    try forEachField(of: message, "the normaliser") { field throws(Damage) in
      guard field.number == SentencePieceModel.Field.characterMap else { return }
      guard case .bytes(let table) = field.value else {
        throw Damage(expected: "the normaliser's table", found: "a number")
      }
      do throws(NormalizerTable.Damage) {
        try NormalizerTable.check(table)
      } catch {
        throw Damage(expected: "a sound table in the normaliser", found: error.found)
      }
    }
  }
}
