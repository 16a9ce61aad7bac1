import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Damaged files either read as something whole or end in a typed error.
@Suite struct PyTorchMutationTests {
  /// Times of one file and memory of the process, as the system counts them.
  private enum Usage {
    static func threadSeconds() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// A line of /proc/self/status in bytes: VmRSS, or VmHWM for the most so far.
    static func memory(_ field: String) throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      for line in status.split(separator: "\n") where line.hasPrefix(field + ":") {
        return (Int(line.filter(\.isNumber)) ?? 0) << 10
      }
      return 0
    }
  }

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
      var slowest = 0.0
      let before = try Usage.memory("VmRSS")
      for index in 0..<12_000 {
        let bytes = mutations.next()
        let path = try folder.write(bytes, to: "a.pt")
        let start = Usage.threadSeconds()
        do {
          let file = try Checkpoint.openFile(path)
          for entry in file.entries {
            let tensor = try file.tensor(entry.name)
            #expect(tensor.shape == entry.shape && tensor.dtype == entry.dtype)
            #expect(try tensor.bytes().count == entry.byteCount)
          }
          readCount += 1
        } catch let error as CheckpointError {
          errorCounts[String("\(error)".prefix(0)) + Self.kind(error), default: 0] += 1
        } catch {
          Issue.record("file \(index): \(error)")
        }
        let seconds = Usage.threadSeconds() - start
        if seconds > 1 { Issue.record("file \(index) took \(seconds) s") }
        slowest = max(slowest, seconds)
      }
      let growth = try Usage.memory("VmHWM") - before
      #expect(growth < 100 << 20)
      // Both ends are reached often, or the mutations are not what they should be.
      #expect(readCount > 500 && readCount < 6000)
      #expect(errorCounts["malformed", default: 0] > 1000)
      #expect(errorCounts["unsupported", default: 0] > 300)
      #expect(errorCounts["forbiddenGlobal", default: 0] > 30)
      print(
        "read \(readCount), errors \(errorCounts), slowest \(slowest) s, memory +\(growth >> 20) MiB")
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
