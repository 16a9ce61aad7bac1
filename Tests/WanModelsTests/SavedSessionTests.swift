import Checkpoints
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

/// Decoding that goes on in another program gives the bytes of decoding that was never stopped.
@Suite struct SavedSessionTests {
  private static let clip = 6

  /// Any of the decoders, with a clip for it.
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let channels: Int
    let session: @Sendable (Arithmetic, InstructionSet, Int) throws -> any DecodingSession

    func latents() throws -> Tensor {
      try SmallVAE.noise("latents", [channels, SavedSessionTests.clip, 3, 4])
    }

    func start(
      _ arithmetic: Arithmetic = .bf16, level: InstructionSet = .best, threads: Int = 2
    ) throws -> any DecodingSession {
      try session(arithmetic, level, threads)
    }
  }

  static let cases: [Case] =
    zip(["whole", "tiled"], VAEStreamingTests.tilings).map { name, tiling in
      Case(description: name, channels: 16) {
        try SmallVAE.make($0, level: $1, threads: $2).decoder
          .session(rows: 3, columns: 4, tiling: tiling)
      }
    } + [
      Case(description: "tiny", channels: 6) {
        try TinyVAEDecoder(
          TinyVAEConfig(decoderWidths: [20, 12, 17, 9], encoderWidth: nil, latentChannels: 6),
          weights: ProceduralTensorSource(),
          execution: Execution(
            arithmetic: $0, context: ComputeContext(instructionSet: $1, threadCount: $2))
        ).session(rows: 3, columns: 4)
      }
    ]

  private static func frames(_ range: Range<Int>, of latents: Tensor) throws -> Tensor {
    try latents.sliced(range, axis: 1).contiguous()
  }

  /// What a file gives back.
  private static func written(_ saved: SavedSession, _ folder: TemporaryFolder) throws
    -> SavedSession
  {
    let path = folder.file("session.safetensors")
    let tensors = saved.tensors.map { (name: $0.key, tensor: $0.value) }
    try SafetensorsWriter.write(
      tensors, to: path, metadata: saved.metadata.merging(["mine": "1"]) { old, _ in old })
    let file = try SafetensorsFile(path: path)
    return SavedSession(
      tensors: Dictionary(
        uniqueKeysWithValues: try file.entries.map { ($0.name, try file.tensor($0.name)) }),
      metadata: file.metadata)
  }

  // What is kept is the same at every level, and emulated products are slow.
  @Test(arguments: cases, InstructionSet.tested.filter { !$0.isEmulated })
  func everyCutGivesTheSameBytes(of which: Case, level: InstructionSet) throws {
    let folder = try TemporaryFolder()
    for arithmetic in level == .best ? [Arithmetic.f32, .bf16] : [.bf16] {
      let latents = try which.latents()
      var whole = try which.start(arithmetic, level: level)
      let expected = try whole.decode(latents).bytes()
      // All cuts with the instructions that are used here, with the others two of them.
      for cut in level == .best ? Array(0...Self.clip) : [1, 4] {
        var first = try which.start(arithmetic, level: level)
        let before = try first.decode(Self.frames(0..<cut, of: latents)).bytes()
        var second = try which.start(arithmetic, level: level, threads: 1)
        try second.restore(Self.written(first.saved(), folder))
        #expect(second.latentFrameCount == cut)
        let after = try second.decode(Self.frames(cut..<Self.clip, of: latents)).bytes()
        #expect((before + after).elementsEqual(expected), "\(arithmetic), cut at \(cut)")
      }
    }
  }

  /// Views: saving takes no memory, and what was saved does not change with the session.
  @Test(arguments: cases)
  func savingChangesNothing(of which: Case) throws {
    let latents = try which.latents()
    var session = try which.start()
    var untouched = try which.start()
    _ = try session.decode(Self.frames(0..<3, of: latents))
    _ = try untouched.decode(Self.frames(0..<3, of: latents))
    let saved = try session.saved()
    let rest = try session.decode(Self.frames(3..<Self.clip, of: latents)).bytes()
    #expect(
      try rest.elementsEqual(untouched.decode(Self.frames(3..<Self.clip, of: latents)).bytes()))
    var restored = try which.start()
    try restored.restore(saved)
    #expect(
      try rest.elementsEqual(restored.decode(Self.frames(3..<Self.clip, of: latents)).bytes()))
  }

  @Test(arguments: cases)
  func damagedStatesAreRefused(of which: Case) throws {
    let latents = try which.latents()
    var source = try which.start()
    _ = try source.decode(Self.frames(0..<3, of: latents))
    let good = try source.saved()
    let name = try #require(good.tensors.keys.sorted().first)
    let tensor = try #require(good.tensors[name])
    var states: [(String, SavedSession)] = []
    for (what, replacement) in try [
      ("missing", nil), ("empty", Tensor(zeros: [0], dtype: .u8)),
      ("short", tensor.sliced(0..<tensor.count - 1)),
      ("long", Tensor(zeros: [tensor.count + 1], dtype: .u8)),
      ("signed", Tensor(zeros: tensor.shape, dtype: .i8)),
      ("square", Tensor(zeros: [tensor.count, 1], dtype: .u8)),
    ] as [(String, Tensor?)] {
      var tensors = good.tensors
      tensors[name] = replacement
      states.append((what, SavedSession(tensors: tensors, metadata: good.metadata)))
    }
    var surplus = good.tensors
    surplus["another"] = tensor
    states.append(("surplus", SavedSession(tensors: surplus, metadata: good.metadata)))
    for count in ["", "-1", "x", "99999999999999999999", "9223372036854775807", "0", "3.5"] {
      states.append(
        (
          "count \(count)",
          SavedSession(
            tensors: good.tensors,
            metadata: good.metadata.merging(["latent_frames": count]) { $1 })
        ))
    }
    states.append(("no metadata", SavedSession(tensors: good.tensors, metadata: [:])))
    for (what, state) in states {
      var session = try which.start()
      #expect(throws: NetworkError.self, "\(what)") { try session.restore(state) }
      #expect(session.latentFrameCount == 0)
      var fresh = try which.start()
      let start = try Self.frames(0..<2, of: latents)
      #expect(try session.decode(start).bytes().elementsEqual(fresh.decode(start).bytes()))
    }
  }

  @Test func statesOfOthersAreRefused() throws {
    var saved: [SavedSession] = []
    for which in Self.cases {
      var session = try which.start()
      _ = try session.decode(Self.frames(0..<2, of: which.latents()))
      saved.append(try session.saved())
    }
    for (number, which) in Self.cases.enumerated() {
      for (other, state) in saved.enumerated() {
        var session = try which.start()
        if number == other {
          try session.restore(state)
        } else {
          #expect(throws: NetworkError.self) { try session.restore(state) }
        }
      }
      var float = try which.start(.f32)
      #expect(throws: NetworkError.self) { try float.restore(saved[number]) }
      var generic = try which.start(level: .generic)
      if InstructionSet.best != .generic {
        #expect(throws: NetworkError.self) { try generic.restore(saved[number]) }
      }
    }
    let decoder = try SmallVAE.make().decoder
    var wide = try decoder.session(rows: 4, columns: 3)
    #expect(throws: NetworkError.self) { try wide.restore(saved[0]) }
  }

  /// Headers and data as disks and people damage them: an error or a session that goes on, no trap.
  @Test(arguments: cases)
  func damagedFilesDoNotTrap(of which: Case) throws {
    let folder = try TemporaryFolder()
    let latents = try which.latents()
    var source = try which.start()
    _ = try source.decode(Self.frames(0..<3, of: latents))
    let path = folder.file("good.safetensors")
    let saved = try source.saved()
    try SafetensorsWriter.write(
      saved.tensors.map { (name: $0.key, tensor: $0.value) }, to: path, metadata: saved.metadata)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var refused = 0
    for seed in 0..<UInt64(150) {
      let damaged = try folder.write(Damage.damaged(bytes, seed: seed), to: "damaged")
      do {
        let file = try SafetensorsFile(path: damaged)
        let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
        var session = try which.start()
        try session.restore(
          SavedSession(
            tensors: Dictionary(uniqueKeysWithValues: tensors), metadata: file.metadata))
        _ = try session.decode(Self.frames(3..<4, of: latents))
      } catch is CheckpointError {
        refused += 1
      } catch is NetworkError {
        refused += 1
      }
    }
    #expect((1..<150).contains(refused), "\(refused)")
  }
}
