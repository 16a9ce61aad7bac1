import FlashPortraitCLI
import Foundation

@main
enum Main {
  static func main() async {
    StandardDescriptors.occupy()
    CrashReport.install()
    Interruption.install()
    exit(await Program.run(Array(CommandLine.arguments.dropFirst())))
  }
}
