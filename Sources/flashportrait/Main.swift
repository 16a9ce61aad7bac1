import FlashPortraitCLI
import Foundation

@main
enum Main {
  static func main() async {
    StandardDescriptors.occupy()
    CrashReport.install()
    Interruption.install()
    let status = await Program.run(Array(CommandLine.arguments.dropFirst()))
    // Everything is written. `exit` would wait for the threads of libraries, which have no end where
    // memory is limited (ulimit -v): OpenBLAS's ask for theirs again and again.
    _exit(status)
  }
}
