import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Damaged files either read as something whole or end in a typed error.
@Suite struct PyTorchMutationTests {
  // In a process of its own, so that a trap is seen as such and memory is that of this test alone.
  @Test func damagedFilesReadOrEndInATypedError() async {
    await #expect(processExitsWith: .success) {
      let names = [
        "plain.pt", "views.pt", "training.pth", "parameters.bin", "protocol4.pt", "nested.pt",
        "unaligned.pt",
      ]
      let sound = try names.map { name in
        Array(
          try Data(contentsOf: URL(fileURLWithPath: "\(PyTorchFixtureTests.folder)/\(name)")))
      }
      var mutations = PyTorchMutations(sound: sound, seed: 20_261_123)
      let folder = try TemporaryFolder()
      var (readCount, errorCounts) = (0, [String: Int]())
      try ProcessUsage.resetPeak()
      let before = try ProcessUsage.residentBytes()
      for index in 0..<12_000 {
        let bytes = mutations.next()
        let path = try folder.write(bytes, to: "a.pt")
        let start = ProcessUsage.threadSeconds()
        do {
          let file = try Checkpoint.openFile(path)
          for entry in file.entries {
            let tensor = try file.tensor(entry.name)
            #expect(tensor.shape == entry.shape && tensor.dtype == entry.dtype)
            #expect(try tensor.bytes().count == entry.byteCount)
          }
          readCount += 1
        } catch let error as CheckpointError {
          errorCounts[Self.kind(error), default: 0] += 1
        } catch {
          Issue.record("file \(index): \(error)")
        }
        #expect(ProcessUsage.threadSeconds() - start < 1, "file \(index)")
      }
      let growth = try ProcessUsage.peakResidentBytes() - before
      #expect(growth < 100 << 20)
      // Both ends are reached often, or the mutations are not what they should be.
      #expect(readCount > 500 && readCount < 6000)
      #expect(errorCounts["malformed", default: 0] > 1000)
      #expect(errorCounts["unsupported", default: 0] > 300)
      #expect(errorCounts["forbiddenGlobal", default: 0] > 30)
    }
  }

  static func kind(_ error: CheckpointError) -> String {
    switch error {
    case .malformed: "malformed"
    case .unsupported: "unsupported"
    case .forbiddenGlobal: "forbiddenGlobal"
    default: "other"
    }
  }
}
