/// A SentencePiece model as its file describes it (`sentencepiece_model.proto`), as far as this
/// program writes and checks it.
struct SentencePieceModel {
  /// One entry of the vocabulary; its number is its place.
  struct Piece {
    enum Kind: UInt64 {
      case normal = 1
      case unknown, control, userDefined, unused, byte
    }

    var text: String
    /// The logarithm of its probability.
    var score: Float
    var kind: Kind

    init(_ text: String, score: Float = 0, _ kind: Kind = .normal) {
      self.text = text
      self.score = score
      self.kind = kind
    }
  }

  /// Numbers of fields in the messages.
  enum Field {
    // ModelProto
    static let piece = 1, trainer = 2, normalizer = 3, denormalizer = 5
    // ModelProto.SentencePiece
    static let text = 1, score = 2, kind = 3
    // TrainerSpec
    static let modelType = 3, vocabularySize = 4, byteFallback = 35
    static let unknownID = 40, beginID = 41, endID = 42, padID = 43
    // NormalizerSpec
    static let normalizerName = 1, characterMap = 2
  }

  /// `TrainerSpec.ModelType`.
  static let unigram: UInt64 = 1

  var pieces: [Piece] = []
  /// Whether a character that no piece holds becomes the pieces of its bytes.
  var hasByteFallback = false

  /// The serialised model, with the identity for a normaliser (which still collapses spaces and puts
  /// one in front).
  func bytes() -> [UInt8] {
    var model = ProtobufWriter()
    for piece in pieces {
      var message = ProtobufWriter()
      message.write(piece.text.utf8, field: Field.text)
      message.write(piece.score, field: Field.score)
      message.write(piece.kind.rawValue, field: Field.kind)
      model.write(message.bytes, field: Field.piece)
    }
    model.write(trainerBytes, field: Field.trainer)
    var normalizer = ProtobufWriter()
    normalizer.write("identity".utf8, field: Field.normalizerName)
    model.write(normalizer.bytes, field: Field.normalizer)
    return model.bytes
  }

  private var trainerBytes: [UInt8] {
    var trainer = ProtobufWriter()
    trainer.write(Self.unigram, field: Field.modelType)
    trainer.write(UInt64(pieces.count), field: Field.vocabularySize)
    trainer.write(UInt64(hasByteFallback ? 1 : 0), field: Field.byteFallback)
    let ids = [
      (Field.unknownID, "<unk>"), (Field.beginID, "<s>"), (Field.endID, "</s>"),
      (Field.padID, "<pad>"),
    ]
    for (field, text) in ids {
      // Minus one stands for none; an int32 is sign-extended on its way into the message.
      let id = pieces.firstIndex { $0.text == text } ?? -1
      trainer.write(UInt64(bitPattern: Int64(id)), field: field)
    }
    return trainer.bytes
  }
}
