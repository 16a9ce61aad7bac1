import FlashPortraitCLI

@main
enum Main {
  static func main() async { await FlashPortraitCommand.main(nil) }
}
