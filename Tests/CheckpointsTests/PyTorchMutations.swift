import Checkpoints
import Foundation
import TensorCore
import TestSupport

/// Ways to damage a PyTorch file, from single bits to pickles that are whole but mean harm.
struct PyTorchMutations {
  private let sound: [[UInt8]]
  private let archives: [PyTorchArchive]
  private var random: SeededGenerator

  init(sound: [[UInt8]], seed: UInt64) {
    self.sound = sound
    archives = sound.map { PyTorchArchive($0) }
    random = SeededGenerator(seed: seed)
  }

  /// The next damaged file.
  mutating func next() -> [UInt8] {
    let choice = Int.random(in: 0..<sound.count, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0: return damaged(sound[choice])
    case 1: return damagedTail(sound[choice])
    case 2: return spliced(sound[choice])
    case 3: return rearranged(archives[choice])
    case 4, 5, 6:
      return repickled(archives[choice]) { random, pickle in
        Self.damagePickle(pickle, &random)
      }
    case 7: return repickled(archives[choice]) { random, _ in Self.soup(&random) }
    case 8: return repickled(archives[choice]) { random, _ in Self.bomb(&random) }
    default: return repickled(archives[choice]) { random, _ in Self.tensor(&random) }
    }
  }

  // MARK: Bytes

  /// Numbers at which readers go wrong.
  private static let absurd: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF,
    0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
  ]

  /// Flipped bits, absurd numbers and foreign bytes, anywhere.
  private mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let place = Int.random(in: bytes.indices, using: &random)
      damage(&bytes, at: place)
    }
    return bytes
  }

  /// The same in the directory and the records behind it, where each byte counts.
  private mutating func damagedTail(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let start = bytes.count - min(bytes.count, Int.random(in: 22...900, using: &random))
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      damage(&bytes, at: Int.random(in: start..<bytes.count, using: &random))
    }
    return bytes
  }

  private mutating func damage(_ bytes: inout [UInt8], at place: Int) {
    switch Int.random(in: 0..<3, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
    default:
      let value = Self.absurd.randomElement(using: &random) ?? 0
      let width = [2, 4, 8].randomElement(using: &random) ?? 4
      for index in 0..<width where place + index < bytes.count {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
      }
    }
  }

  /// Truncated, lengthened, with a piece left out, doubled or exchanged with another.
  private mutating func spliced(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let first = Int.random(in: bytes.indices, using: &random)
    let second = Int.random(in: bytes.indices, using: &random)
    let count = Int.random(in: 1...64, using: &random)
    let piece = Array(bytes[first..<min(bytes.count, first + count)])
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes.removeLast(bytes.count - first)
    case 1: bytes += piece
    case 2: bytes.removeSubrange(first..<(first + piece.count))
    case 3: bytes.insert(contentsOf: piece, at: second)
    default:
      for (index, byte) in piece.enumerated() where second + index < bytes.count {
        bytes.swapAt(first + index, second + index)
        _ = byte
      }
    }
    return bytes
  }

  /// A sound archive of other parts: some left out, doubled, renamed, cut or exchanged.
  private mutating func rearranged(_ archive: PyTorchArchive) -> [UInt8] {
    var archive = archive
    for _ in 0..<Int.random(in: 1...2, using: &random) {
      let first = Int.random(in: archive.parts.indices, using: &random)
      let second = Int.random(in: archive.parts.indices, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0 where archive.parts.count > 1: archive.parts.remove(at: first)
      case 1: archive.parts.append(archive.parts[first])
      case 2: archive.parts[first].name = archive.parts[second].name
      case 3: archive.parts[first].content.removeLast(archive.parts[first].content.count / 2)
      case 4:
        let content = archive.parts[first].content
        archive.parts[first].content = archive.parts[second].content
        archive.parts[second].content = content
      default: archive.parts[first].name = "../" + archive.parts[first].name
      }
    }
    return archive.bytes()
  }

  // MARK: Pickles

  private mutating func repickled(
    _ archive: PyTorchArchive,
    _ make: (inout SeededGenerator, [UInt8]) -> [UInt8]
  ) -> [UInt8] {
    var archive = archive
    archive.pickle = make(&random, archive.pickle)
    return archive.bytes()
  }

  private static let opcodes =
    Array("(.0122NKMJGXTUBCi)t]aels}usbjhqrcRQob".utf8) + [
      0x80, 0x81, 0x82, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90,
      0x91,
      0x92, 0x93, 0x94, 0x95, 0x96,
    ]

  /// A pickle with bytes, instructions or pieces of it changed.
  private static func damagePickle(
    _ pickle: [UInt8], _ random: inout SeededGenerator
  ) -> [UInt8] {
    var pickle = pickle
    for _ in 0..<Int.random(in: 1...4, using: &random) where !pickle.isEmpty {
      let place = Int.random(in: pickle.indices, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: pickle[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: pickle[place] = opcodes.randomElement(using: &random) ?? 0
      case 2: pickle.insert(opcodes.randomElement(using: &random) ?? 0, at: place)
      case 3:
        let end = min(pickle.count, place + Int.random(in: 1...32, using: &random))
        pickle.removeSubrange(place..<end)
      case 4:
        let end = min(pickle.count, place + Int.random(in: 1...64, using: &random))
        pickle.insert(
          contentsOf: Array(pickle[place..<end]),
          at: Int.random(in: pickle.indices, using: &random))
      default:
        // Numbers are where the instruction for a short one stands.
        let numbers = pickle.indices.filter { pickle[$0] == 0x4B }
        guard let number = numbers.randomElement(using: &random) else { continue }
        let value = Int64(bitPattern: absurd.randomElement(using: &random) ?? 0)
        let end = min(pickle.count, number + 2)
        pickle.replaceSubrange(number..<end, with: Pickle.integer(value))
      }
    }
    return pickle
  }

  private static let names = [
    "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_tensor_v3\n",
    "ctorch._utils\n_rebuild_parameter\n", "ccollections\nOrderedDict\n", "ctorch\nFloatStorage\n",
    "ctorch.storage\nUntypedStorage\n", "ctorch\nbfloat16\n", "ctorch\nSize\n", "cos\nsystem\n",
  ]

  /// Instructions in any order, with operands that fit most of them.
  private static func soup(_ random: inout SeededGenerator) -> [UInt8] {
    var pickle: [UInt8] = [0x80, 2]
    for _ in 0..<Int.random(in: 1...300, using: &random) {
      switch Int.random(in: 0..<8, using: &random) {
      case 0:
        pickle += Pickle.text(["storage", "0", "cpu", "model"].randomElement(using: &random) ?? "")
      case 1: pickle += (names.dropLast().randomElement(using: &random) ?? "").pickled
      case 2: pickle += Pickle.integer(Int64.random(in: -2...9, using: &random))
      case 3: pickle += [0x71, UInt8.random(in: 0..<8, using: &random)]
      case 4: pickle += [0x68, UInt8.random(in: 0..<8, using: &random)]
      case 5: pickle += [0x28, 0x4E, 0x4E, 0x74]
      default: pickle.append("(0N)t]ae}sub2RQ\u{31}".utf8.randomElement(using: &random) ?? 0)
      }
    }
    return pickle + [0x2E]
  }

  /// Small pickles that stand for much.
  private static func bomb(_ random: inout SeededGenerator) -> [UInt8] {
    let times = Int.random(in: 1...3000, using: &random)
    let wraps = [
      "\u{1}", "(h\u{0}h\u{0}t", "](h\u{0}h\u{0}e", "}(K\u{1}h\u{0}K\u{2}h\u{0}u", "]h\u{0}a",
    ]
    let wrap = wraps.dropFirst().randomElement(using: &random) ?? ""
    let step = Pickle.join(wrap, "q\u{0}0")
    let doubling = Array(repeatElement(step, count: times).joined())
    let opcode = "(N]})".utf8.randomElement(using: &random) ?? 0
    let many = [UInt8](repeating: opcode, count: times * 100)
    let absurdCount = withUnsafeBytes(of: absurd.randomElement(using: &random) ?? 0, Array.init)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return Pickle.of("]q\u{0}0", doubling, "h\u{0}.")
    case 1: return Pickle.of(many, ".")
    case 2: return Pickle.of("]", many, [UInt8](repeating: 0x61, count: times), ".")
    case 3: return Pickle.of([[0x8D, 0x8E, 0x95].randomElement(using: &random) ?? 0], absurdCount)
    case 4: return Pickle.of("N", [[0x72, 0x6A].randomElement(using: &random) ?? 0], absurdCount)
    default: return Pickle.of([0x8B], absurdCount, many)
    }
  }

  /// A tensor whose numbers are near, at and beyond its storage's.
  private static func tensor(_ random: inout SeededGenerator) -> [UInt8] {
    func number() -> Int64 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: Int64(bitPattern: absurd.randomElement(using: &random) ?? 0)
      case 1: 1 << Int64.random(in: 0..<63, using: &random)
      default: Int64.random(in: 0...6, using: &random)
      }
    }
    let rank = Int.random(in: 0...4, using: &random)
    return Pickle.tensor(
      shape: (0..<rank).map { _ in number() }, strides: (0..<rank).map { _ in number() },
      offset: number(), storageCount: Int64.random(in: 0...30, using: &random),
      storage: ["FloatStorage", "ByteStorage", "DoubleStorage"].randomElement(using: &random) ?? "")
  }
}
