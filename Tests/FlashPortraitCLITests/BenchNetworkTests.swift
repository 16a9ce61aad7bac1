import Foundation
import TestSupport
import Testing

@Suite struct BenchNetworkTests {
  private static let lines = [
    "dit --frames 2 --height 8 --width 8 --branches 2", "t5 --length 9", "clip",
    "vae --frames 2 --height 32 --width 40", "vae --mode encode --frames 2 --height 32 --width 40",
    "tiny-vae --frames 2 --height 32 --width 40",
  ]

  @Test(arguments: lines)
  func smallGeometries(line: String) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      Array(#"{"base": "tiny", "vae": {"num_res_blocks": 1}}"#.utf8), to: "g.json")
    let arguments = line.split(separator: " ").map(String.init)
    for geometry in ["tiny", file] {
      let run = await CommandRun.inProcess(
        arguments: ["bench"] + arguments
          + ["--geometry", geometry, "--repeat", "1", "--json"])
      #expect(run.status == 0, "\(run.messages)")
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
      #expect((report["benchmark"] as? String)?.hasPrefix(arguments[0]) == true)
      #expect(try #require(report["gflops"] as? Double) > 0)
    }
    let missing = await CommandRun.inProcess(
      arguments: ["bench"] + arguments + ["--geometry", folder.file("none.json")])
    #expect(missing.status == 66)
  }

  /// Weights from a folder, read from disk, instead of those by formula.
  @Test(arguments: ["dit --frames 2 --height 8 --width 8", "t5 --length 9"])
  func fromAFolder(line: String) async throws {
    let folder = try TemporaryFolder()
    let made = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", folder.file("made"), "-q", "--networks",
      "transformer", "text-encoder")
    #expect(made.status == 0, "\(made.messages)")
    let arguments = line.split(separator: " ").map(String.init)
    let run = await CommandRun.inProcess(
      arguments: ["bench"] + arguments
        + ["--checkpoints", folder.file("made"), "--repeat", "1", "--json"])
    #expect(run.status == 0, "\(run.messages)")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect(report["layers"] as? Int == (arguments[0] == "dit" ? 3 : 2))
  }

  /// Each size is within its limits, their product beyond what a shape can hold.
  @Test func absurdSizesAreAnError() async {
    let run = await CommandRun.inProcess(
      "bench", "dit", "--geometry", "tiny", "--frames", "16777216", "--height", "16777216",
      "--width", "16777216")
    #expect(run.status == 65, "\(run.messages)")
  }

  @Test func picturesThatAreNoMultiple() async {
    for name in ["vae", "tiny-vae"] {
      let run = await CommandRun.inProcess(
        "bench", name, "--geometry", "tiny", "--height", "33")
      #expect(run.status == 64)
      #expect(run.messages.hasPrefix("error: --height 33: expected a multiple of 8"))
    }
  }
}
