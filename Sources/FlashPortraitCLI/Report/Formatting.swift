import Foundation

/// A byte count as people read it: "1.5 GB" (powers of 1000, as disks and downloads are sold).
package func formatBytes(_ count: Int) -> String {
  let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
  var value = Double(count)
  var unit = 0
  while abs(value) >= 999.95 && unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  if unit == 0 { return count == 1 ? "1 byte" : "\(count) bytes" }
  return String(format: "%.1f %@", value, units[unit])
}

/// "1 tensor", "2 tensors".
///
/// - Parameter plural: nil for the noun with an s.
func formatCount(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
  "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}

/// How many a second: "3.21", "54.3".
func formatRate(_ rate: Double) -> String {
  String(format: rate < 10 ? "%.2f" : "%.1f", rate)
}

/// A time span as people read it: "3.2 s", "41 s", "3 min 20 s", "2 h 5 min", "3 days 4 h".
package func formatDuration(_ seconds: Double) -> String {
  if seconds < 9.95 { return String(format: "%.1f s", max(seconds, 0)) }
  // More than this no clock of ours shows; a larger number would not be a whole one.
  let whole = Int(min(seconds, 1e12).rounded())
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
  if whole < 86400 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
  return "\(formatCount(whole / 86400, "day")) \(whole % 86400 / 3600) h"
}

/// Time that is left, in whole seconds: it is not known better.
func formatRemaining(_ seconds: Double) -> String {
  // A sum of measured times is never exact.
  let whole = max(seconds - 0.001, 0).rounded(.up)
  return whole <= 9 ? "\(Int(whole)) s" : formatDuration(whole)
}

/// Seconds for a program to read.
func roundedToMilliseconds(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

/// Lines of columns, each as wide as its widest cell.
struct TextTable {
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private let indent: String
  private var rows: [[String]] = []

  init(_ alignments: [Alignment], indent: String = "") {
    self.alignments = alignments
    self.indent = indent
  }

  mutating func add(_ cells: String...) { rows.append(cells) }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The lines, without spaces at their ends.
  var lines: [String] {
    let widths = alignments.indices.map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return alignments[column] == .left ? cell + padding : padding + cell
      }
      let line = indent + cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}

/// A value as JSON text, keys sorted, for programs to read.
///
/// - Throws: `EncodingError` for a value of ours that cannot be encoded.
func jsonText(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  encoder.keyEncodingStrategy = .convertToSnakeCase
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// A size that is a power of two or a multiple of one, as caches are: "48 KiB".
func formatBinary(_ count: Int) -> String {
  count % (1 << 20) == 0 ? "\(count >> 20) MiB" : "\(count >> 10) KiB"
}

/// Text from a file or a path made safe for a terminal: control characters are spelled out.
func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  return text.unicodeScalars.map { scalar in
    isControl(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
  }.joined()
}

/// The same for a text whose lines stay.
func printableLines(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false)
    .map { printable(String($0)) }.joined(separator: "\n")
}

/// Controls, and marks that turn the direction of writing.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
}
