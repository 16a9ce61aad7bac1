import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct WeightLoaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ name: String, _ tensors: [(String, Shape, Float)]) throws -> SafetensorsFile {
    let path = folder.file(name)
    try SafetensorsWriter.write(
      tensors.map { ($0.0, try Tensor(Array(repeating: $0.2, count: $0.1.count), shape: $0.1)) },
      to: path)
    return try SafetensorsFile(path: path)
  }

  private func loader(
    _ origins: [WeightOrigin], ignoring: [String] = []
  ) throws -> WeightLoader {
    try WeightLoader(network: "test network", origins: origins, ignoring: ignoring)
  }

  @Test func claimsAreViewsOfTheFile() throws {
    let file = try file("a.safetensors", [("x.weight", [2, 3], 1), ("x.bias", [2], 2)])
    let loader = try loader([WeightOrigin(file)])
    let scope = loader.scoped("x.")
    let weight = try scope.claim("weight", shape: [2, 3])
    #expect(weight.pointer == (try file.tensor("x.weight").pointer))
    let bias = try scope.claim("bias", shape: [2], as: .bf16)
    #expect(bias.dtype == .bf16)
    #expect(try bias.floats() == [2, 2])
    try loader.finish()
  }

  @Test func laterOriginsCount() throws {
    let base = try file("base.safetensors", [("a", [1], 1), ("b", [2], 1)])
    let overlay = try file("overlay.safetensors", [("module.model.b", [1], 5)])
    let loader = try loader([
      WeightOrigin(base), WeightOrigin(overlay, stripping: ["module.", "model."]),
    ])
    #expect(try loader.claim("a", shape: [1]).floats() == [1])
    #expect(try loader.claim("b", shape: [1]).floats() == [5])
    try loader.finish()
  }

  @Test func onlySelectedTensorsTakePart() throws {
    let file = try file("clip.safetensors", [("visual.a", [1], 1), ("text.b", [1], 2)])
    let loader = try loader([WeightOrigin(file, stripping: ["visual."], selecting: ["visual."])])
    _ = try loader.claim("a", shape: [1])
    try loader.finish()
  }

  @Test func renamingMustNotMergeNames() throws {
    let file = try file("a.safetensors", [("model.a", [1], 1), ("a", [1], 2)])
    #expect(throws: CheckpointError.duplicateTensor(path: file.path, tensor: "a")) {
      try loader([WeightOrigin(file, stripping: ["model."])])
    }
  }

  @Test func everythingWrongIsInOneError() throws {
    let file = try file(
      "a.safetensors",
      [
        ("good", [1], 1), ("shape", [2, 3], 1), ("blocks.0.attn.q.wieght", [1], 1),
        ("prefix.deep.name", [1], 1), ("optimizer.step", [1], 1), ("rest.1", [1], 1),
        ("rest.2", [1], 1),
      ])
    let loader = try loader([WeightOrigin(file)], ignoring: ["optimizer.*"])
    _ = try loader.claim("good", shape: [1])
    let blank = try loader.claim("shape", shape: [3, 2], as: .bf16)
    #expect(blank.shape == [3, 2] && blank.dtype == .bf16)
    #expect(try loader.claim("blocks.0.attn.q.weight", shape: [4]).floats() == [0, 0, 0, 0])
    // As large as any: must take no memory.
    _ = try loader.claim("deep.name", shape: [1 << 20, 1 << 18])
    for block in 0..<100 { _ = try loader.claim("many.\(block).weight", shape: [1]) }
    do {
      try loader.finish()
      Issue.record("finished")
    } catch CheckpointError.mismatch(let report) {
      #expect(report.missing.count == 102)
      #expect(report.misshaped.map(\.name) == ["shape"])
      #expect(report.unused == ["blocks.0.attn.q.wieght", "prefix.deep.name", "rest.1", "rest.2"])
      #expect(report.suggestions["blocks.0.attn.q.weight"] == "blocks.0.attn.q.wieght")
      #expect(report.suggestions["deep.name"] == "prefix.deep.name")
      #expect(report.suggestions["many.0.weight"] == nil)
      let text = report.description
      #expect(text.contains("shape: expected [3, 2], found [2, 3] in \(file.path)"))
      #expect(text.contains("many.*.weight: 100 tensors, the first many.0.weight"))
      #expect(text.contains("rest.*: 2 tensors"))
      #expect(text.split(separator: "\n").count < 15)
    }
  }

  @Test func longListsAreCut() throws {
    let file = try file("a.safetensors", (0..<60).map { ("name_\($0)", [1], 1) })
    do {
      try loader([WeightOrigin(file)]).finish()
      Issue.record("finished")
    } catch let error as CheckpointError {
      #expect("\(error)".contains("and 36 more"))
      #expect("\(error)".contains("60 unused"))
    }
  }

  @Test func recordingNotesWhatIsClaimed() throws {
    let source = RecordingTensorSource()
    let tensor = try source.scoped("a.").scoped("b.").claim("w", shape: [1 << 20, 1 << 18])
    #expect(tensor.shape == [1 << 20, 1 << 18])
    #expect(
      source.declarations == [TensorDeclaration(name: "a.b.w", shape: [1 << 20, 1 << 18])])
  }

  @Test(arguments: [
    ("a*", "abc", true), ("a*", "ba", false), ("*c", "abc", true), ("a*c", "abbc", true),
    ("a*c", "ac", true), ("ab*bc", "abc", false), ("*", "", true), ("", "", true), ("", "a", false),
    ("*b*d*", "abcde", true), ("*d*b*", "abcde", false), ("a", "a", true), ("a", "ab", false),
  ])
  func patterns(_ pattern: String, _ text: String, _ matches: Bool) {
    #expect(GlobPattern(pattern).matches(text) == matches)
  }
}
