/// What was wrong with a video that could be read all the same.
package struct VideoDamage: Sendable, Equatable {
  /// Packets, mostly a frame each, that the decoder refused.
  package internal(set) var lostPackets = 0
  /// Frames that were decoded with parts missing.
  package internal(set) var damagedFrames = 0
  /// Frames whose timestamps could not be believed.
  package internal(set) var brokenTimestamps = 0
  /// Why reading ended before the container's end; nil where it did not.
  package internal(set) var earlyEnd: String?
  /// The decoder's words for the first packet that it refused.
  package internal(set) var firstReason: String?

  /// A sentence for each kind of damage, for the user; empty for a sound file.
  package var warnings: [String] {
    var lines: [String] = []
    if lostPackets > 0 {
      lines.append(
        "\(lostPackets) damaged packets were left out" + (firstReason.map { " (\($0))" } ?? ""))
    }
    if damagedFrames > 0 { lines.append("\(damagedFrames) frames are damaged") }
    if brokenTimestamps > 0 { lines.append("\(brokenTimestamps) timestamps are wrong") }
    if let earlyEnd { lines.append("the file ends early (\(earlyEnd))") }
    return lines
  }
}
