import FlashPortraitCLI
import Testing

@Suite struct CommandTests {
  @Test func versionIsGiven() {
    #expect(FlashPortraitCommand.configuration.version == "0.1.0")
  }
}
