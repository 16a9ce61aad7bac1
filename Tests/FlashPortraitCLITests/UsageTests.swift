import FlashPortraitCLI
import Foundation
import Testing

@Suite struct UsageTests {
  @Test func versionAndHelpAreResults() async {
    let version = await CommandRun.inProcess("--version")
    #expect(version.status == 0 && version.output == "0.1.0\n")
    let help = await CommandRun.inProcess("help", "convert")
    #expect(help.status == 0 && help.messages.isEmpty)
    #expect(
      help.output.contains("USAGE: flashportrait convert [<options>] <input> --output <path>"))
  }

  @Test(arguments: [
    (["inspct"], "error: Unexpected argument 'inspct'"),
    (["inspect"], "error: Missing expected argument '<path>'"),
    (["doctor", "--threads", "0"], "error: --threads 0: expected 1 to 4096"),
    (["doctor", "--threads", "4097"], "error: --threads 4097: expected 1 to 4096"),
    (["doctor", "--threads", "many"], "error: The value 'many' is invalid for '--threads <n>'"),
    (["doctor", "--jsn"], "error: Unknown option '--jsn'. Did you mean '--json'?"),
    (
      ["convert", "a.pt", "-o", "a.pt"],
      "error: --output a.pt: expected a name that ends in .safetensors"
    ),
    (
      ["convert", "a.pt", "-o", "b.safetensors", "--split"],
      "error: --split writes two files: --output names their folder"
    ),
    (
      ["convert", "a.pt", "-o", "b.safetensors", "--shard-size", "5 apples"],
      "error: The value '5 apples' is invalid for '--shard-size <size>'"
    ),
    (
      ["convert", "a.pt", "-o", "b.safetensors", "-q", "-v"],
      "error: --quiet and --verbose contradict each other"
    ),
    (["bench", "gemm", "--m", "0"], "error: --m 0: expected 1 to 16777216"),
    (["bench", "peak", "--repeat", "0"], "error: --repeat 0: expected 1 to 1000"),
    (
      ["bench", "gemm", "--engine", "openblas"],
      "error: --engine openblas: expected --dtype f32"
    ),
  ])
  func wrongUsage(arguments: [String], message: String) throws {
    let run = try CommandRun.program(arguments)
    #expect(run.status == 64)
    #expect(run.output.isEmpty)
    #expect(run.messages.hasPrefix(message), "\(run.messages)")
  }

  @Test func sizesAsPeopleReadThem() {
    let texts = [0, 1, 999, 1000, 1_499_999, 33_000_000_000, -5].map(formatBytes)
    #expect(
      texts == ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.5 MB", "33.0 GB", "-5 bytes"])
  }

  @Test func instructionSetIsCheckedAtTheStart() throws {
    let unknown = try CommandRun.program(["doctor"], environment: ["FLASHPORTRAIT_ISA": "sse9"])
    #expect(unknown.status == 64)
    #expect(
      unknown.messages
        == "error: FLASHPORTRAIT_ISA=sse9: expected generic, neon, avx2, avx512 or amx\n")
    #if arch(x86_64)
      let foreign = "neon"
    #else
      let foreign = "avx2"
    #endif
    let absent = try CommandRun.program(["doctor"], environment: ["FLASHPORTRAIT_ISA": foreign])
    #expect(absent.status == 69)
    let forced = try CommandRun.program(
      ["doctor", "--json"], environment: ["FLASHPORTRAIT_ISA": "generic"])
    #expect(forced.status == 0)
    #expect(forced.output.contains("\"instruction_set\" : \"generic\""))
  }
}
