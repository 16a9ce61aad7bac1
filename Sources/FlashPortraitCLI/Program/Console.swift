import Foundation
import Synchronization

/// Where a command writes: results to standard output, everything else to standard error.
///
/// Tests run commands with a console that keeps the text.
package final class Console: Sendable {
  /// The console of the command that is running.
  @TaskLocal package static var current = Console(
    results: TextSink(descriptor: STDOUT_FILENO), messages: TextSink(descriptor: STDERR_FILENO))

  package let results: TextSink
  package let messages: TextSink

  package init(results: TextSink, messages: TextSink) {
    self.results = results
    self.messages = messages
  }

  /// Writes a line of the command's result.
  ///
  /// - Throws: `CommandError.outputClosed` where the reader has gone, `.inputOutput` where the
  ///   output cannot take it (a full disk).
  package func printResult(_ line: String) throws {
    try results.write(line + "\n")
  }

  /// Writes a line for the person at the terminal. What cannot be shown is dropped.
  package func printMessage(_ line: String) {
    messages.show(line + "\n")
  }

  /// Writes what is still buffered.
  package func finish() throws { try results.flush() }
}

/// Text on its way to a file descriptor, or kept in memory.
package final class TextSink: Sendable {
  private let descriptor: Int32?
  private let pretendedWidth: Int?
  private let buffer = Mutex<[UInt8]>([])
  private static let bufferLimit = 1 << 16

  /// Writes to a descriptor, which must stay open.
  package init(descriptor: Int32) {
    self.descriptor = descriptor
    pretendedWidth = nil
  }

  /// Keeps everything: see `text`.
  ///
  /// - Parameter terminalWidth: columns of the terminal that it stands for; nil for a file.
  package init(terminalWidth: Int? = nil) {
    descriptor = nil
    pretendedWidth = terminalWidth
  }

  /// What has been written and not yet flushed; all of it where there is no descriptor.
  package var text: String { buffer.withLock { String(decoding: $0, as: UTF8.self) } }

  /// Whether a person is looking.
  package var isTerminal: Bool { descriptor.map { isatty($0) == 1 } ?? (pretendedWidth != nil) }

  /// Columns of the terminal, nil where there is none.
  package var terminalWidth: Int? {
    var size = winsize()
    guard let descriptor, isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0,
      size.ws_col > 0
    else { return pretendedWidth }
    return Int(size.ws_col)
  }

  func write(_ text: String) throws {
    let isFull = buffer.withLock { buffer in
      buffer.append(contentsOf: text.utf8)
      return buffer.count >= Self.bufferLimit
    }
    if isFull { try flush() }
  }

  func flush() throws {
    guard let descriptor else { return }
    try buffer.withLock { buffer in
      defer { buffer.removeAll(keepingCapacity: true) }
      try Self.writeAll(buffer, to: descriptor)
    }
  }

  /// Writes at once and lets a failure pass: there is nobody left to tell.
  func show(_ text: String) {
    guard let descriptor else {
      buffer.withLock { $0.append(contentsOf: text.utf8) }
      return
    }
    do { try Self.writeAll(Array(text.utf8), to: descriptor) } catch {}
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress! + done, bytes.count - done)
      }
      if written >= 0 {
        done += written
      } else if errno == EPIPE {
        throw CommandError.outputClosed
      } else if errno != EINTR && errno != EAGAIN {
        throw CommandError.inputOutput(
          path: "standard output", reason: String(cString: strerror(errno)))
      }
    }
  }
}
