import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct InspectTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func textIsExact() async throws {
    let path = try folder.checkpoint(
      "small.safetensors", [("blocks.0.w", [2, 3]), ("bias", [4])], metadata: ["made": "here"])
    let run = await CommandRun.inProcess("inspect", path, "--tensors")
    #expect(run.status == 0)
    #expect(
      run.output == """
        \(path): safetensors, 2 tensors, 40 bytes
          network: none that is known
          types:
            F32  2 tensors  40 bytes
          metadata:
            made  here
          tensors:
            bias        F32  [4]     16 bytes
            blocks.0.w  F32  [2, 3]  24 bytes

        """)
  }

  @Test func statisticsAndFilter() async throws {
    let path = try folder.checkpoint("s.safetensors", [("a.w", [5]), ("b.w", [2])])
    let run = await CommandRun.inProcess("inspect", path, "--stats", "--filter", "a*")
    #expect(run.output.contains("  tensors (1 of 2 tensors match):\n"))
    let row = run.output.split(separator: "\n").last?.split(separator: " ").map(String.init)
    #expect(row == ["a.w", "F32", "[5]", "20", "bytes", "0", "2", "1", "0", "0"])
  }

  @Test func jsonParses() async throws {
    let path = try folder.checkpoint("j.safetensors", [("a", [2, 2])])
    let run = await CommandRun.inProcess("inspect", path, "--json", "--stats")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect(object["tensor_count"] as? Int == 1)
    #expect(object["bytes"] as? Int == 16)
    let tensors = try #require(object["tensors"] as? [[String: Any]])
    #expect(tensors[0]["shape"] as? [Int] == [2, 2])
    let stats = try #require(tensors[0]["stats"] as? [String: Any])
    #expect(stats["max"] as? Double == 1.5)
  }

  @Test func controlCharactersAreSpelledOut() async throws {
    let path = try folder.checkpoint("c.safetensors", [("evil\u{1B}[2Jname", [1])])
    let run = await CommandRun.inProcess("inspect", path, "--tensors")
    #expect(!run.output.contains("\u{1B}"))
    #expect(run.output.contains("evil\\u{1b}[2Jname"))
  }

  @Test func folderListsEveryCheckpoint() async throws {
    _ = try folder.checkpoint("a.safetensors", [("a", [1])])
    _ = try folder.checkpoint("b.safetensors", [("b", [1])])
    let whole = await CommandRun.inProcess("inspect", folder.path)
    #expect(whole.status == 0)
    #expect(whole.output.contains("/a.safetensors: ") && whole.output.contains("/b.safetensors: "))
    _ = try folder.write([1, 2, 3], to: "c.safetensors")
    let broken = await CommandRun.inProcess("inspect", folder.path)
    #expect(broken.status == 65)
    #expect(broken.output.contains("/b.safetensors: "))
    #expect(broken.messages.contains("/c.safetensors: "))
  }

  @Test func damagedAndMissingInputs() throws {
    let whole = try folder.checkpoint("w.safetensors", [("a", [100])])
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: whole)))
    let truncated = try folder.write(Array(bytes.dropLast(1)), to: "t.safetensors")
    let text = try folder.write(Array("just some text, no tensors".utf8), to: "notes.txt")
    let cases: [(path: String, status: Int32)] = [
      (folder.file("nothing"), 66), (try folder.write([], to: "empty.safetensors"), 65),
      (try folder.write([], to: "empty.pt"), 65), (truncated, 65), (text, 65),
      (try TemporaryFolder().path, 66), (whole + "/below", 66), ("", 66), ("/dev/null", 66),
    ]
    for (path, status) in cases {
      let run = try CommandRun.program(["inspect", path])
      #expect(run.status == status, "\(path): \(run.messages)")
      #expect(run.messages.hasPrefix("error: \(path)"), "\(run.messages)")
      #expect(run.messages.filter { $0 == "\n" }.count == 1, "one line: \(run.messages)")
    }
    let empty = try TemporaryFolder()
    #expect(try CommandRun.program(["inspect", empty.path]).status == 65)
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
  func unreadableInput() throws {
    let path = try folder.checkpoint("locked.safetensors", [("a", [1])])
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    #expect(try CommandRun.program(["inspect", path]).status == 66)
  }

  @Test func readerThatLeavesEndsItQuietly() throws {
    let tensors = (0..<6000).map { ("a.rather.long.tensor.name.\($0)", [1] as Shape) }
    let path = try folder.checkpoint("many.safetensors", tensors)
    let run = try CommandRun.shell("\"$FLASHPORTRAIT\" inspect '\(path)' --tensors | head -n 1")
    #expect(run.status == 0)
    #expect(run.messages.isEmpty, "\(run.messages)")
    #expect(run.output.hasPrefix("\(path): safetensors, 6000 tensors"))
  }

  @Test func closedOutputIsAnError() throws {
    let run = try CommandRun.shell("\"$FLASHPORTRAIT\" doctor >&-")
    #expect(run.status == 74)
    #expect(run.messages == "error: standard output: Bad file descriptor\n")
    #expect(try CommandRun.shell("\"$FLASHPORTRAIT\" doctor 2>&- <&-").status == 0)
  }

  @Test func fullOutputIsAnError() throws {
    let run = try CommandRun.shell("\"$FLASHPORTRAIT\" doctor >/dev/full")
    #expect(run.status == 74)
    #expect(run.messages == "error: standard output: No space left on device\n")
  }
}
