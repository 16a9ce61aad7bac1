import Checkpoints
import Testing

@Suite struct ErrorTests {
  @Test func unreadableNamesTheFile() {
    #expect(
      "\(CheckpointError.unreadable(path: "a.safetensors", reason: "no such file"))"
        == "a.safetensors: no such file")
  }

  @Test func controlCharactersAreWrittenOut() {
    let error = CheckpointError.noSuchTensor(path: "a.pt", tensor: "x\u{1b}[2J\n\u{202e}ü")
    #expect("\(error)" == "a.pt: has no tensor 'x\\u{1b}[2J\\u{a}\\u{202e}ü'")
  }
}
