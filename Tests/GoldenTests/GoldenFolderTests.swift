import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// What the golden suite itself decides: a suite that passes for the wrong reason is worth nothing.
@Suite struct GoldenFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder that knows one kind, "twice": output.y is input.x doubled.
  private var golden: GoldenFolder {
    GoldenFolder(
      path: folder.path,
      kinds: [
        "twice": .network { golden, _ in
          let x = try golden.input("input.x")
          let doubled = try Tensor(x.floats().map { 2 * $0 }, shape: x.shape)
          return [try golden.difference(doubled, from: "output.y")].compactMap(\.self)
        }
      ], pendingKinds: ["later": 4], instructionSets: [.generic])
  }

  private func write(
    _ tensors: [(String, [Float])], as name: String = "case",
    config: String? = #"{"kind":"twice"}"#,
    tolerance: String? = #"{"default":{"atol":0,"rtol":0}}"#
  ) throws {
    var metadata: [String: String] = [:]
    metadata["config"] = config
    metadata["tolerance"] = tolerance
    try SafetensorsWriter.write(
      tensors.map { ($0.0, try Tensor($0.1, shape: [$0.1.count])) },
      to: folder.file(name + ".safetensors"), metadata: metadata)
  }

  private func wrong() throws -> [String] { try golden.cases().flatMap(golden.differences) }

  @Test func everyFileIsRunInEveryWay() throws {
    try write([("input.x", [1, -3]), ("output.y", [2, -6])], as: "a")
    try write([("input.x", [4]), ("output.y", [8])], as: "b")
    #expect(
      try golden.cases().map(\.description) == [
        "a, generic, f32", "a, generic, bf16", "b, generic, f32", "b, generic, bf16",
      ])
    #expect(try wrong() == [])
  }

  @Test func oneWrongValueIsFound() throws {
    try write([("input.x", [1, -3, 5]), ("output.y", [2, -6, 10.5])])
    let wrong = try wrong()
    #expect(wrong.count == 2)
    #expect(
      wrong[0].hasPrefix("case, output.y [3]: value [2]: got 10.0, expected 10.5, off by 0.5"))
  }

  @Test func forgottenTensorsAreFound() throws {
    try write([("input.x", [1]), ("output.y", [2]), ("output.z", [2]), ("state.a", [2])])
    #expect(
      try wrong() == [
        "case, output.z: nothing was compared with it",
        "case, state.a: nothing was compared with it",
        "case, output.z: nothing was compared with it",
      ])
  }

  @Test func unknownKindsAreNamed() throws {
    try write([("input.x", [1])], config: #"{"kind":"thrice"}"#)
    let wrong = try wrong()
    #expect(wrong.count == 1 && wrong[0].hasSuffix("case.safetensors: unknown kind 'thrice'"))
  }

  @Test func pendingKindsAreNeitherRunNorLost() throws {
    try write([("input.x", [1])], config: #"{"kind":"later"}"#)
    let cases = try golden.cases()
    #expect(cases.count == 1 && cases[0].isPending)
    #expect(cases[0].description == "case, pending until step 4")
  }

  @Test func kindsBothPendingAndRunnableAreStale() throws {
    try write([("input.x", [1]), ("output.y", [2])])
    var stale = golden
    stale.pendingKinds["twice"] = 2
    #expect(stale.staleKinds == ["twice"])
    #expect(try stale.cases().flatMap(stale.differences).count == 1)
  }

  @Test func missingAndEmptyFoldersFail() throws {
    #expect(throws: GoldenFolder.Failure.empty(folder: folder.path)) { try golden.cases() }
    _ = try folder.write([1], to: "case.txt")
    #expect(throws: GoldenFolder.Failure.empty(folder: folder.path)) { try golden.cases() }
    let missing = GoldenFolder(path: folder.file("missing"))
    #expect(throws: GoldenFolder.Failure.self) { try missing.cases() }
  }

  @Test func damagedFilesFail() throws {
    try write([("input.x", [1]), ("output.y", [2])], as: "whole")
    let bytes = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: folder.file("whole.safetensors"))))
    _ = try folder.write(Array(bytes.dropLast()), to: "cut.safetensors")
    _ = try folder.write([], to: "empty.safetensors")
    #expect(
      try golden.cases().map(\.description) == [
        "cut, cannot be run", "empty, cannot be run", "whole, generic, f32", "whole, generic, bf16",
      ])
    #expect(try wrong().count == 2)
  }

  @Test(
    arguments: [
      (nil, "{}", "no metadata 'config'"),
      ("{", "{}", "metadata 'config' cannot be read"),
      (#"{"size":1}"#, "{}", "metadata 'config' cannot be read"),
      (#"{"kind":"twice"}"#, nil, "no metadata 'tolerance'"),
      (#"{"kind":"twice"}"#, "[]", "metadata 'tolerance' cannot be read"),
      (
        #"{"kind":"twice"}"#, #"{"a":{"atol":0,"rtol":0,"share_over":[1]}}"#,
        "metadata 'tolerance' cannot be read"
      ),
    ] as [(String?, String?, String)])
  func unreadableMetadataFail(config: String?, tolerance: String?, complaint: String) throws {
    try write([("input.x", [1])], config: config, tolerance: tolerance)
    let wrong = try wrong()
    #expect(wrong.count == 1 && wrong[0].contains(complaint))
  }
}
