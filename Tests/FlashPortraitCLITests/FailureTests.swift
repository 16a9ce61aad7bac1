import Checkpoints
import Diffusion
import FlashPortraitCLI
import Foundation
import OutputFiles
import TensorCore
import Testing

@Suite struct FailureTests {
  @Test(arguments: [
    (CommandError.inputMissing(path: "a"), FlashPortraitCLI.ExitStatus.inputMissing),
    (CommandError.inputUnreadable(path: "a", reason: "r"), .inputMissing),
    (CommandError.emptyInput(path: "a", expected: "b"), .badData),
    (CommandError.outputExists(path: "a"), .cannotCreate),
    (CommandError.outputNotCreated(path: "a", reason: "r"), .cannotCreate),
    (CommandError.inputOutput(path: "a", reason: "r"), .inputOutput),
    (CommandError.machineUnusable(reason: "r"), .unavailable),
    (CommandError.outputClosed, .outputClosed),
    (CommandError.interrupted(signal: SIGINT), .interrupted),
    (CommandError.interrupted(signal: SIGTERM), .terminated),
  ])
  func commandErrors(error: CommandError, status: FlashPortraitCLI.ExitStatus) {
    #expect(Failure(error)?.status == status)
  }

  @Test(arguments: [
    (CheckpointError.unreadable(path: "a", reason: "r"), FlashPortraitCLI.ExitStatus.inputMissing),
    (CheckpointError.missingShard(index: "a", shard: "b", tensorCount: 1), .inputMissing),
    (CheckpointError.malformed(path: "a", tensor: nil, expected: "b", found: "c"), .badData),
    (CheckpointError.forbiddenGlobal(path: "a", name: "os.system"), .badData),
    (CheckpointError.duplicateTensor(path: "a", tensor: "t"), .badData),
  ])
  func checkpointErrors(error: CheckpointError, status: FlashPortraitCLI.ExitStatus) {
    #expect(Failure(error)?.status == status)
  }

  @Test(arguments: [
    (DiffusionError.steps(0, limit: 1000), FlashPortraitCLI.ExitStatus.usage),
    (DiffusionError.window(size: 3, overlap: 3), .usage),
    (DiffusionError.incompleteState(missing: "latents", step: 3), .badData),
  ])
  func diffusionErrors(error: DiffusionError, status: FlashPortraitCLI.ExitStatus) {
    #expect(Failure(error)?.status == status)
  }

  @Test(arguments: [
    (OutputError.unwritable(path: "a", reason: "r"), FlashPortraitCLI.ExitStatus.cannotCreate),
    (OutputError.diskFull(path: "a", needed: 2, available: 1), .inputOutput),
  ])
  func outputErrors(error: OutputError, status: FlashPortraitCLI.ExitStatus) {
    #expect(Failure(error)?.status == status)
  }

  @Test(arguments: [
    (TensorError.unknownInstructionSet("x"), FlashPortraitCLI.ExitStatus.usage),
    (TensorError.unavailableInstructionSet("amx", best: "avx2"), .unavailable),
    (TensorError.mapFailed(path: "a", reason: "r"), .inputMissing),
    (TensorError.outOfMemory(bytes: 1), .unavailable),
    (TensorError.invalidShape([-1]), .badData),
  ])
  func tensorErrors(error: TensorError, status: FlashPortraitCLI.ExitStatus) {
    #expect(Failure(error)?.status == status)
  }

  @Test func errorsOfTheSystem() throws {
    let missing = try #require(
      throws: CocoaError.self
    ) { try Data(contentsOf: URL(fileURLWithPath: "/nowhere/at/all")) }
    let failure = try #require(Failure(missing))
    #expect(failure.status == .inputMissing)
    #expect(failure.message.hasPrefix("/nowhere/at/all: "))
    #expect(Failure(POSIXError(.ENOSPC))?.status == .inputOutput)
  }

  @Test func otherErrorsAreNotOurs() {
    struct Stray: Error {}
    #expect(Failure(Stray()) == nil)
  }
}
