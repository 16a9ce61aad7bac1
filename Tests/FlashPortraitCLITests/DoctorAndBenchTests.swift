import FlashPortraitCLI
import Foundation
import TestSupport
import Testing

@Suite struct DoctorAndBenchTests {
  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func doctorTellsOfTheMachine() async throws {
    let text = await CommandRun.inProcess("doctor")
    #expect(text.status == 0)
    for part in ["Processor", "Kernels", "Memory", "Disk", "OpenBLAS", "Weights of a job"] {
      #expect(text.output.contains(part))
    }
    let report = try object(await CommandRun.inProcess("doctor", "--json").output)
    let machine = try #require(report["machine"] as? [String: Any])
    let memory = try #require(machine["memory"] as? [String: Any])
    #expect(try #require(memory["total"] as? Int) > 0)
    #expect(try #require(machine["kernels"] as? [Any]).count > 3)
    #expect(report["checkpoints"] == nil)
  }

  @Test func doctorLooksAtCheckpoints() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.file("FlashPortrait"), withIntermediateDirectories: false)
    _ = try folder.write([], to: "FlashPortrait/face_det.onnx")
    _ = try folder.write([80, 75, 1], to: "FlashPortrait/transformer.pt")
    let run = await CommandRun.inProcess("doctor", "--checkpoints", folder.path, "--json")
    #expect(run.status == 0)
    let checkpoints = try #require(try object(run.output)["checkpoints"] as? [String: Any])
    #expect(checkpoints["complete"] as? Bool == false)
    let files = try #require(checkpoints["files"] as? [[String: Any]])
    let states = Dictionary(
      uniqueKeysWithValues: files.compactMap { file in
        (file["path"] as? String).map { ($0, file["state"] as? String ?? "") }
      })
    #expect(states["FlashPortrait/face_det.onnx"] == "faulty")
    #expect(states["FlashPortrait/transformer.pt"] == "faulty")
    #expect(states["FlashPortrait/portrait_encoder.pt"] == "missing")
    #expect(
      await CommandRun.inProcess("doctor", "--checkpoints", folder.file("none")).status == 66)
  }

  @Test func convertedFilesStandForPublishedOnes() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.file("FlashPortrait"), withIntermediateDirectories: false)
    _ = try folder.checkpoint("FlashPortrait/fast_vae.safetensors", [("decoder.1.bias", [2])])
    let run = await CommandRun.inProcess("doctor", "--checkpoints", folder.path)
    #expect(run.output.contains("FlashPortrait/fast_vae.safetensors"))
    let inspected = await CommandRun.inProcess("inspect", folder.path)
    #expect(inspected.status == 0)
    #expect(inspected.output.contains("FlashPortrait/fast_vae.safetensors: safetensors, 1 tensor"))
    #expect(!inspected.output.contains("fast_vae.pth"))
  }

  @Test(arguments: ["f32", "bf16", "int8"])
  func gemmReportsItsShareOfThePeak(dtype: String) throws {
    let run = try CommandRun.program([
      "bench", "gemm", "--m", "33", "--k", "65", "--n", "47", "--dtype", dtype, "--repeat", "2",
      "--threads", "2", "--json",
    ])
    #expect(run.status == 0, "\(run.messages)")
    let report = try object(run.output)
    #expect(report["m"] as? Int == 33 && report["n"] as? Int == 47 && report["k"] as? Int == 65)
    #expect(report["dtype"] as? String == dtype && report["threads"] as? Int == 2)
    let rate = try #require(report["gflops"] as? Double)
    let peak = try #require(report["peak_gflops"] as? Double)
    let share = try #require(report["share_of_peak"] as? Double)
    let seconds = try #require(report["seconds_median"] as? Double)
    #expect(rate > 0 && peak > 0 && abs(share - rate / peak) < 1e-9)
    #expect(abs(rate * seconds - 2 * 33 * 65 * 47 * 1e-9) < 1e-12)
  }

  @Test(arguments: [
    "attention --heads 3 --head-dim 16 --length 20 --keys 7",
    "conv --in-channels 5 --out-channels 3 --height 6 --width 7 --frames 2", "peak",
  ])
  func otherBenchmarks(line: String) throws {
    let arguments = line.split(separator: " ").map(String.init)
    let operations = ["attention": 4 * 3 * 16 * 20 * 7, "conv": 2 * 27 * 5 * 3 * 6 * 7 * 2]
    for dtype in ["bf16", "f32"] {
      let run = try CommandRun.program(
        ["bench"] + arguments + ["--repeat", "1", "--threads", "1", "--json", "--dtype", dtype])
      #expect(run.status == 0, "\(run.messages)")
      let report = try object(run.output)
      #expect(report["benchmark"] as? String == arguments[0])
      let rate = try #require(report["gflops"] as? Double)
      let seconds = try #require(report["seconds_median"] as? Double)
      if let expected = operations[arguments[0]] {
        #expect(abs(rate * seconds * 1e9 - Double(expected)) < 1e-3)
      }
      #expect(report["isa"] as? String != nil && report["share_of_peak"] as? Double ?? 0 > 0)
    }
    let table = try CommandRun.program(["bench"] + arguments + ["--repeat", "1"])
    #expect(table.output.contains("share of peak"))
  }

  @Test func whatDoesNotFitIsRefused() async {
    let run = await CommandRun.inProcess(
      "bench", "gemm", "--m", "16777216", "--k", "16777216", "--n", "1")
    #expect(run.status == 69)
    #expect(run.messages.hasPrefix("error: cannot allocate "))
  }
}
