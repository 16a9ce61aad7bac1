import Checkpoints
import Testing

@Suite struct ErrorTests {
  @Test func unreadableNamesTheFile() {
    #expect(
      "\(CheckpointError.unreadable(path: "a.safetensors", reason: "no such file"))"
        == "a.safetensors: no such file")
  }
}
