#!/usr/bin/env python3
"""Trains small SentencePiece models and writes what SentencePiece and transformers make of texts,
for TokenizerReferenceTests. The training text is made up here, and so is every test text.

Without arguments it rewrites the fixture of the tests: two models of a few kilobytes. With --texts
and --output it writes more, the published normaliser `nmt_nfkc` among them:

    python3 check_tokenizer.py --texts 500 --seed 7 --output FOLDER
    FLASHPORTRAIT_TOKENIZER_CASES=FOLDER swift test -c release --filter TokenizerReferenceTests

FOLDER/cases.json has for each model its file, texts, the numbers that SentencePiece gives (with
the pieces of bytes) and those of transformers' T5Tokenizer (unknown characters as one piece), both
with </s> behind them. Needs sentencepiece, transformers and protobuf.
"""

import argparse
import io
import json
import pathlib
import random
import re
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import T5Tokenizer

FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/WanModelsTests/Fixtures/tokenizer"

SPACES = "\t\n\r\u0085\u00a0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000"

# A small normaliser: white space, full-width letters, ligatures, accents, characters that go away.
RULES = (
    [(space, " ") for space in SPACES]
    + [(chr(0xFF21 + i), chr(0x41 + i)) for i in range(26)]
    + [("\ufb01", "fi"), ("\ufb02", "fl"), ("e\u0301", "\u00e9"), ("a\u0308", "\u00e4")]
    + [("\u200b", ""), ("\ufeff", ""), ("\ufdfa", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647")])

MODELS = {
    "rules_bytes": {"vocab_size": 420, "byte_fallback": True, "rules": RULES},
    "rules": {"vocab_size": 150, "user_defined_symbols": "[scene],[scene-2]", "rules": RULES},
}
LARGE_MODELS = {
    "nmt_nfkc_bytes": {
        "vocab_size": 800, "byte_fallback": True, "normalization_rule_name": "nmt_nfkc"},
    "nmt_nfkc": {"vocab_size": 600, "normalization_rule_name": "nmt_nfkc"},
    "nfkc_cf": {"vocab_size": 500, "normalization_rule_name": "nfkc_cf"},
    "identity_bytes": {
        "vocab_size": 500, "byte_fallback": True, "normalization_rule_name": "identity"},
}

SYLLABLES = {
    "latin": "ka lo min tes ra shu bel or an di fen gru pa vi zo qua the ing ed s".split(),
    "accents": "é ä ñu çe ßi łó ők ši žo".split(),
    "greek": "κα λο μιν τες ρα ων".split(),
    "cyrillic": "ка ло мин тес ра шу ый".split(),
    "arabic": "كا لو من را".split(),
    "chinese": "女 孩 在 唱 歌 微 笑 头 发".split(),
    "kana": "か ろ み て す ン".split(),
}
JOINED = {"chinese", "kana"}
MARKS = ", . ! ? ; : - ' \" ( ) 0 1 7 42 2026".split()
EMOJI = ["\U0001F642", "\U0001F469\u200d\U0001F3A4", "\U0001F1E9\U0001F1EA", "\u2764\ufe0f",
         "\U0001F44D\U0001F3FD"]


# MARK: Texts


def word(generator):
    script = generator.choice(list(SYLLABLES))
    count = generator.randint(1, 4 if script not in JOINED else 8)
    return "".join(generator.choice(SYLLABLES[script]) for _ in range(count))


def sentence(generator, words):
    parts = [word(generator) for _ in range(words)]
    return "".join(part + generator.choice([" ", " ", " ", ", ", ". "]) for part in parts).strip()


def training_text(seed=20):
    generator = random.Random(seed)
    return [sentence(generator, generator.randint(3, 12)) for _ in range(3000)]


def odd_character(generator):
    ranges = [(1, 0x1F), (0x7F, 0x9F), (0x20, 0x7E), (0xA0, 0x2FF), (0x300, 0x36F), (0x370, 0x5FF),
              (0x600, 0x6FF), (0x900, 0x97F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2580, 0x25FF),
              (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF),
              (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF),
              (0xE0000, 0xE007F), (0x10FF00, 0x10FFFF)]
    first, last = generator.choice(ranges)
    return chr(generator.randint(first, last))


def piece(generator):
    kind = generator.randrange(10)
    if kind < 5:
        return word(generator)
    if kind == 5:
        return generator.choice(EMOJI)
    if kind == 6:
        return generator.choice(MARKS)
    if kind == 7:
        return generator.choice(list(SPACES) + ["  ", "   "])
    return odd_character(generator)


def texts(count, seed):
    generator = random.Random(seed)
    fixed = [
        "", " ", "   ", "\n\t ", "a", "The girl is singing", "  two   spaces  ", "\u2581",
        "a\u2581b", "女孩在唱歌, 微笑。", "e\u0301a\u0308", "\u0301", "x" * 700,
        "\U0001F642" * 40,
        "[scene]kalo[scene-2]", "[scene-2 [scene", "<0x41>", "\ufdfa\ufdfa",
        " ".join(sentence(generator, 9) for _ in range(12)),
    ]
    mixed = ["".join(piece(generator) + generator.choice(["", "", " "])
                     for _ in range(generator.randint(1, 25))) for _ in range(count)]
    return fixed + mixed


# MARK: Expected


def train(options):
    options = dict(options)
    rules = options.pop("rules", None)
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
        if rules:
            for source, target in rules:
                codes = [" ".join(f"{ord(c):X}" for c in text) for text in (source, target)]
                table.write("\t".join(codes) + "\n")
            table.flush()
            options["normalization_rule_tsv"] = table.name
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(training_text()), model_writer=model, model_type="unigram",
            character_coverage=0.995, num_threads=1, minloglevel=2, pad_id=0, eos_id=1, unk_id=2,
            bos_id=-1, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    # The trainer's notes: paths of this machine.
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto


def transformers_tokenizer(proto):
    return T5Tokenizer(
        vocab=[(piece.piece, piece.score) for piece in proto.pieces], extra_ids=0,
        _spm_precompiled_charsmap=proto.normalizer_spec.precompiled_charsmap or None)


def without_bytes(ids, proto):
    """Neighbouring pieces of bytes as one unknown piece."""
    result = []
    for number in ids:
        is_byte = proto.pieces[number].type == sentencepiece_model_pb2.ModelProto.SentencePiece.BYTE
        number = 2 if is_byte else number
        if not is_byte or not result or result[-1] != 2:
            result.append(number)
    return result


def is_known_difference(text, processor):
    """Where transformers is known to differ. It cuts at characters that Unicode calls white space,
    some of which a normaliser leaves alone (U+0085). Its normaliser replaces a character together
    with the marks behind it and loses these. It keeps the sign for a space at the end of a text.
    And it takes the names of special pieces and of bytes for these, that of user-defined ones for
    text."""
    normalised = processor.normalize(text)
    return (any(c.isspace() and c != " " for c in normalised)
            or any(unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf") for c in text)
            or "\u2581" in text or re.search(r"<0x|</?s>|<unk>|<pad>|\[scene", text) is not None)


def is_tie(text, processor):
    """Whether two ways to cut a text are equally likely ("ab" "a" "b", "a" "b" "ab"): then the
    rounding of sums decides, float32 in libsentencepiece 0.1.97, float64 in transformers."""
    scores = [best.score for best in
              processor.nbest_encode(text, nbest_size=2, return_type="proto").nbests]
    return len(scores) == 2 and abs(scores[0] - scores[1]) <= 1e-5 * abs(scores[0])


def cases_of(name, proto, count, seed):
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    other = transformers_tokenizer(proto)
    case = {"file": f"{name}.model", "texts": [], "sentencepiece": [], "transformers": []}
    agreeing, known, ties = 0, 0, 0
    for text in texts(count, seed):
        if is_tie(text, processor):
            ties += 1
            continue
        ids = processor.encode(text)
        fast = other(text)["input_ids"]
        case["texts"].append(text)
        case["sentencepiece"].append(ids + [1])
        agrees = fast == without_bytes(ids, proto) + [1]
        agreeing += agrees
        is_known = not agrees and is_known_difference(text, processor)
        known += is_known
        case["transformers"].append(None if is_known else fast)
        if not agrees and not is_known:
            print(f"{name}: {text!r}\n    {ids}\n    {fast}")
    print(f"{name}: {len(case['texts'])} texts; SentencePiece and transformers agree in "
          f"{agreeing}, differ for known reasons in {known}; {ties} more can be cut in two ways")
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, default=FIXTURE)
    options = parser.parse_args()
    models = MODELS if options.output == FIXTURE else {**MODELS, **LARGE_MODELS}
    options.output.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, settings in models.items():
        proto = train(settings)
        (options.output / f"{name}.model").write_bytes(proto.SerializeToString())
        cases.append(cases_of(name, proto, options.texts, options.seed))
    text = json.dumps({"models": cases}, ensure_ascii=False, separators=(",", ":"))
    (options.output / "cases.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
