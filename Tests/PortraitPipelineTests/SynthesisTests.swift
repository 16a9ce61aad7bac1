import Checkpoints
import Foundation
import OutputFiles
import PortraitPipeline
import TensorCore
import TestSupport
import Testing

@Suite struct SynthesisTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func plan(
    _ geometry: ModelGeometry = .tiny, _ networks: Set<NetworkName> = Set(NetworkName.allCases),
    faces: Set<FaceNetworkName> = Set(FaceNetworkName.allCases)
  ) throws -> SynthesisPlan {
    try SynthesisPlan(geometry, networks: networks, faces: faces)
  }

  @discardableResult
  private func synthesise(
    _ plan: SynthesisPlan, to name: String = "made", overwrites: Bool = false, threads: Int = 2
  ) throws -> CheckpointSynthesis {
    let synthesis = try CheckpointSynthesis(
      plan, folder: folder.file(name), overwrites: overwrites)
    try synthesis.run(on: ComputeContext(instructionSet: .best, threadCount: threads)) { _ in }
    return synthesis
  }

  private func contents(_ name: String) throws -> [String: Data] {
    let path = folder.file(name)
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
    return try Dictionary(
      uniqueKeysWithValues: names.compactMap { name in
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
        if isFolder.boolValue { return nil }
        return (name, try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
      })
  }

  @Test func everyFileIsAsPlanned() throws {
    let plan = try plan()
    try synthesise(plan)
    let sizes = try contents("made").mapValues(\.count)
    #expect(sizes == Dictionary(uniqueKeysWithValues: plan.files.map { ($0.path, $0.byteCount) }))
    let layout = try CheckpointFolder(path: folder.file("made"))
    #expect(layout.obstacles.map(\.item.path) == [], "all that a job needs")
    for file in layout.files where file.network != nil {
      #expect(file.network?.kind == file.item.network && file.problem == nil)
    }
  }

  @Test func valuesAreThoseOfTheFormula() throws {
    try synthesise(plan())
    let types: [NetworkKind: DType] = [
      .flashPortraitTransformer: .bf16, .wanTransformer: .bf16, .portraitEncoder: .bf16,
      .textEncoder: .bf16, .imageEncoder: .f16, .tinyVAE: .f16, .wanVAE: .f32,
      .motionEncoder: .f32,
    ]
    var count = 0
    for (kind, dtype) in types {
      guard let location = CheckpointLayout.item(of: kind)?.location(in: folder.file("made"))
      else { continue }
      let file = try Checkpoint.open("\(folder.file("made"))/\(location)")
      for entry in file.entries {
        let expected = try ProceduralWeights.tensor(entry.name, shape: entry.shape, dtype: dtype)
        #expect(entry.dtype == dtype)
        #expect(try file.tensor(entry.name).bytes().elementsEqual(expected.bytes()), "\(entry)")
        count += 1
      }
    }
    let declared = try NetworkName.allCases.map {
      try ModelGeometry.tiny.declarations(of: $0).count
    }
    #expect(count == declared.reduce(0, +))
  }

  @Test func theTransformerIsOnDiskOnce() throws {
    try synthesise(plan(.tiny, [.transformer]))
    let base = try Checkpoint.open(
      folder.file(
        "made/Wan2.1-I2V-14B-720P/diffusion_pytorch_model.safetensors.index.json"))
    let overlay = try Checkpoint.open(folder.file("made/FlashPortrait/transformer.pt"))
    #expect(Set(base.entries.map(\.name)).isDisjoint(with: overlay.entries.map(\.name)))
    #expect(overlay.entries.count == 2 * ModelGeometry.tiny.transformer.numLayers)
    let sharded = try #require(base as? ShardedCheckpoint)
    #expect(sharded.shardPaths.count > 1)
    #expect(sharded.declaredByteCount == base.entries.reduce(0) { $0 + $1.byteCount })
  }

  @Test func equalRunsGiveEqualBytes() throws {
    try synthesise(plan(), to: "one", threads: 1)
    try synthesise(plan(), to: "four", threads: 4)
    let (one, four) = (try contents("one"), try contents("four"))
    #expect(one.keys.sorted() == four.keys.sorted())
    for (name, data) in one { #expect(data.elementsEqual(four[name] ?? Data()), "\(name)") }
  }

  @Test func withoutRoomNothingIsWritten() throws {
    let plan = try plan()
    for room in [0, plan.byteCount - 1] {
      let error = #expect(throws: OutputError.self) {
        try CheckpointSynthesis(
          plan, folder: folder.file("made"), overwrites: false, available: { _ in room })
      }
      #expect(
        error
          == .diskFull(path: folder.file("made"), needed: plan.byteCount, available: room))
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("made")))
    let enough = try CheckpointSynthesis(
      plan, folder: folder.file("made"), overwrites: false, available: { _ in plan.byteCount })
    #expect(enough.byteCount == plan.byteCount)
  }

  /// A file is replaced only once the new one is whole: both need room for that long.
  @Test func replacingNeedsRoomForTheLargestFile() throws {
    let plan = try plan()
    try synthesise(plan)
    let largest = plan.files.map(\.byteCount).max() ?? 0
    #expect(throws: OutputError.self) {
      try CheckpointSynthesis(
        plan, folder: folder.file("made"), overwrites: true, available: { _ in largest - 1 })
    }
    _ = try CheckpointSynthesis(
      plan, folder: folder.file("made"), overwrites: true, available: { _ in largest })
  }

  @Test func takesUpWhatWasLeft() throws {
    let plan = try plan()
    try synthesise(plan)
    let before = try contents("made")
    #expect(try synthesise(plan).pending.isEmpty)
    let lost = plan.files.map(\.path).filter { $0.hasSuffix(".pth") || $0.contains("00001-of") }
    #expect(lost.count >= 3)
    for name in lost { try FileManager.default.removeItem(atPath: folder.file("made/\(name)")) }
    #expect(try synthesise(plan).pending.map(\.path) == lost)
    #expect(try contents("made") == before)
  }

  @Test func networksOneAfterTheOther() throws {
    try synthesise(plan(.tiny, [.vae], faces: []))
    #expect(try contents("made").count == 3)
    try synthesise(plan(.tiny, [.textEncoder], faces: [.landmarks]))
    try synthesise(plan())
    try synthesise(plan(), to: "whole")
    #expect(try contents("made") == contents("whole"))
  }

  @Test func otherFilesAreNotReplaced() throws {
    let plan = try plan()
    try FileManager.default.createDirectory(
      atPath: folder.file("made/FlashPortrait"), withIntermediateDirectories: true)
    _ = try folder.write([1, 2, 3], to: "made/FlashPortrait/pd_fpg.pth")
    let path = folder.file("made/FlashPortrait/pd_fpg.pth")
    #expect(throws: PipelineError.fileInTheWay(path: path)) { try synthesise(plan) }
    #expect(try contents("made").count == 1)
    try synthesise(plan, overwrites: true)
    #expect(try contents("made").count == plan.files.count)
  }

  @Test func anotherGeometryIsNotMixedIn() throws {
    try synthesise(plan())
    var other = ModelGeometry.tiny
    other.transformer.numLayers = 2
    let marker = folder.file("made/FlashPortrait/geometry.json")
    #expect(throws: PipelineError.fileInTheWay(path: marker)) { try synthesise(plan(other)) }
    // Without the mark the files may be anyone's, whatever their size.
    try FileManager.default.removeItem(atPath: marker)
    #expect(throws: PipelineError.self) { try synthesise(plan()) }
  }

  @Test func aDamagedFileIsNotKept() throws {
    let plan = try plan()
    try synthesise(plan)
    let path = folder.file("made/Wan2.1-I2V-14B-720P/Wan2.1_VAE.pth")
    #expect(truncate(path, 1000) == 0)
    #expect(throws: PipelineError.fileInTheWay(path: path)) { try synthesise(plan) }
  }

  @Test func aFileInPlaceOfTheFolder() throws {
    let path = try folder.write([1], to: "made")
    #expect(throws: OutputError.unwritable(path: path, reason: "it is a file, not a folder")) {
      try synthesise(plan())
    }
  }

  @Test func stoppedWorkLeavesWholeFilesOnly() throws {
    struct Stop: Error {}
    let plan = try plan()
    let synthesis = try CheckpointSynthesis(
      plan, folder: folder.file("made"), overwrites: false)
    var done = 0
    #expect(throws: Stop.self) {
      try synthesis.run { event in
        if case .wrote(let bytes) = event { done += bytes }
        if done > plan.byteCount / 3 { throw Stop() }
      }
    }
    let sizes = Dictionary(uniqueKeysWithValues: plan.files.map { ($0.path, $0.byteCount) })
    let left = try contents("made")
    #expect(!left.isEmpty && left.count < plan.files.count)
    for (name, data) in left { #expect(sizes[name] == data.count, "\(name)") }
    try synthesise(plan)
    #expect(try contents("made").count == plan.files.count)
  }
}
