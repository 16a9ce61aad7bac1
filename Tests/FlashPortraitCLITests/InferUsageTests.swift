import FlashPortraitCLI
import Foundation
import TestSupport
import Testing

/// What `infer` says of flags that are wrong before it opens anything.
@Suite struct InferUsageTests {
  private static let inputs = ["infer", "--image", "a.png", "--driven-video", "b.mp4"]

  @Test(arguments: [
    (["--output", "c.avi"], "--output c.avi: expected a name that ends in .mp4"),
    (["--features", "f.bin"], "--features f.bin: expected a name that ends in .safetensors"),
    (["--max-size", "8"], "--max-size 8: expected 16 to 16384"),
    (["--width", "500", "--height", "480"], "--width 500: expected a multiple of 16 up to 16384"),
    (["--width", "480"], "--width: give both sides"),
    (["--height", "480"], "--height: give both sides"),
    (
      ["--max-size", "480", "--width", "480", "--height", "480"],
      "--max-size and --width contradict each other"
    ),
    (["--fps", "0.01"], "--fps 1/100: expected 0.1 to 1000"),
    (["--fps", "30/0"], "The value '30/0' is invalid for '--fps <rate>'"),
    (["--fps", "1.5.2"], "The value '1.5.2' is invalid for '--fps <rate>'"),
    (["--max-frames", "0"], "--max-frames 0: expected 1 or more"),
    (["--crf", "52"], "--crf 52.0: expected 0.0 to 51.0"),
    (
      ["--face", "left", "--tracking", "published"],
      "--face left: --tracking published takes the largest face"
    ),
    (["--num-inference-steps", "0"], "--num-inference-steps 0: expected 1 to 1000"),
    (["--emo-cfg-scale", "nan"], "--emo-cfg-scale nan: expected 0.0 to 100.0"),
    (["--text-cfg-scale", "101"], "--text-cfg-scale 101.0: expected 0.0 to 100.0"),
    (["--cfg-skip-ratio", "1.5"], "--cfg-skip-ratio 1.5: expected 0.0 to 1.0"),
    (["--shift", "0"], "--shift 0.0: expected 0.01 to 100.0"),
    (["--riflex-k", "0"], "--riflex-k 0: expected 1 to 16"),
    (["--no-riflex", "--riflex-k", "6"], "--no-riflex and --riflex-k contradict each other"),
    (["--context-size", "0"], "--context-size 0: expected 1 to 4096"),
    (["--sub-num-frames", "200"], "--sub-num-frames 200: expected 4 n + 1, 1 to 16381"),
    (
      ["--context-size", "51", "--sub-num-frames", "205"],
      "--context-size and --sub-num-frames contradict each other: expected --sub-num-frames 201"
    ),
    (
      ["--context-size", "51", "--latents-num-frames", "50"],
      "--context-size and --latents-num-frames contradict each other: "
        + "expected --latents-num-frames 51"
    ),
    (
      ["--sub-num-frames", "37", "--context-overlap", "10"],
      "--context-overlap 10: expected 0 to 9"
    ),
    (["--context-overlap=-1"], "--context-overlap -1: expected 0 to 4095"),
    (["--tile-vae", "--tiny-vae"], "--tile-vae and --tiny-vae contradict each other"),
    (["--stop-after-step", "0"], "--stop-after-step 0: expected 1 or more"),
    (["--preview-every", "0"], "--preview-every 0: expected 1 or more"),
    (["--jobs", "list.yaml"], "--image: the file of --jobs says this for each job"),
    (
      ["--features", "f.safetensors", "--fps", "25"],
      "--fps: --features has this from the command that wrote it"
    ),
    (["--sampler", "ddim"], "The value 'ddim' is invalid for '--sampler <sampler>'"),
    (["--dtype", "int8"], "The value 'int8' is invalid for '--dtype <type>'"),
    (["-q", "-v"], "--quiet and --verbose contradict each other"),
  ])
  func wrongFlags(flags: [String], message: String) async {
    let run = await CommandRun.inProcess(arguments: Self.inputs + flags)
    #expect(run.status == 64)
    #expect(run.output.isEmpty)
    #expect(run.messages.hasPrefix("error: \(message)"), "\(run.messages)")
  }

  @Test(arguments: [
    ([String](), "--image: expected the picture to animate"),
    (["--image", "a.png"], "--driven-video: expected the video that moves the picture"),
    (
      ["--image", "a.png", "--driven-video", "b.mp4"], "--output: expected the video to write"
    ),
    (
      ["--image", "a.png", "--driven-video", "b.mp4", "-o", "c.mp4", "--context-overlap", "60"],
      "--context-overlap 60: expected less than the context size, 51"
    ),
    (
      ["--image", "a.png", "--driven-video", "b.mp4", "-o", "c.mp4", "--stop-after-step", "31"],
      "--stop-after-step 31: expected 1 to 30"
    ),
  ])
  func whatIsMissing(flags: [String], message: String) async {
    let run = await CommandRun.inProcess(arguments: ["infer"] + flags)
    #expect(run.status == 64)
    #expect(run.messages == "error: \(message)\n")
  }

  @Test func filesThatAreNotThere() async throws {
    let folder = try TemporaryFolder()
    let picture = try folder.write([1], to: "a.png")
    let arguments = [
      "infer", "--image", picture, "--driven-video", folder.file("b.mp4"), "--output",
      folder.file("c.mp4"), "--checkpoints", folder.path,
    ]
    let run = await CommandRun.inProcess(arguments: arguments)
    #expect(run.status == 66)
    #expect(run.messages == "error: \(folder.file("b.mp4")): no such file or folder\n")
    let config = await CommandRun.inProcess(
      arguments: arguments + ["--config", folder.file("c.yaml")])
    #expect(config.status == 66)
    #expect(config.messages == "error: \(folder.file("c.yaml")): no such file or folder\n")
    let network = await CommandRun.inProcess(
      arguments: arguments + ["--vae", folder.file("vae.pth")])
    #expect(network.messages == "error: \(folder.file("vae.pth")): no such file or folder\n")
  }
}
