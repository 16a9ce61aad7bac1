import Foundation
import Synchronization

/// Where a long command tells how far it is: on a terminal one line that is redrawn, elsewhere a
/// line at a time, or JSON lines.
final class ProgressChannel: Sendable {
  let isJSON: Bool
  let isQuiet: Bool
  let isVerbose: Bool

  private let console: Console
  private let lineIsOpen = Mutex(false)

  init(_ options: ReportingOptions) {
    isJSON = options.logFormat == .json
    isQuiet = options.quiet
    isVerbose = options.verbose
    console = Console.current
  }

  /// Whether lines are redrawn.
  var isTerminal: Bool { !isJSON && console.messages.isTerminal }

  /// Shows where the work is.
  ///
  /// - Parameter isEnd: whether the line stays; lines that are not redrawn stay in any case.
  func show(_ line: String, isEnd: Bool) {
    guard !isQuiet else { return }
    guard isTerminal else { return console.printMessage(printable(line)) }
    let width = (console.messages.terminalWidth ?? 80) - 1
    lineIsOpen.withLock { isOpen in
      console.messages.show("\r\u{1B}[K" + printable(line).prefix(width) + (isEnd ? "\n" : ""))
      isOpen = !isEnd
    }
  }

  /// Says a sentence, or as JSON the event that stands for it.
  func say(_ text: String, as event: some Encodable) {
    guard !isQuiet else { return }
    closeLine()
    if isJSON { emit(event) } else { console.printMessage(printableLines(text)) }
  }

  /// Ends a redrawn line, so that what follows starts on its own.
  func closeLine() {
    lineIsOpen.withLock { isOpen in
      if isOpen { console.printMessage("") }
      isOpen = false
    }
  }

  /// Writes an event as one line.
  func emit(_ event: some Encodable, evenIfQuiet: Bool = false) {
    guard !isQuiet || evenIfQuiet else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    // Our own fields always encode; a lost progress line would harm nobody.
    guard let data = try? encoder.encode(event) else { return }
    console.printMessage(String(decoding: data, as: UTF8.self))
  }
}
