import CFFmpeg
import Foundation

/// Packets of sound, pulled as the video grows.
///
/// Times are in samples, from the video's first picture; sound that a decoder needs to get going
/// lies before 0 and is not heard. Nothing here throws: a video without some of its sound is better
/// than none, and `warnings` says what is missing.
protocol SoundTrack: AnyObject {
  /// Of the MP4's track; nil where there is none.
  var parameters: UnsafeMutablePointer<AVCodecParameters>? { get }

  /// One sample.
  var timeBase: AVRational { get }

  /// The next packet; valid until the next call.
  ///
  /// - Parameters:
  ///   - limit: samples from the video's start to the end of what it has so far.
  ///   - isFinal: whether the video ends there; the last packet is cut to it.
  /// - Returns: nil where no packet ends by the limit, or none is left.
  func next(until limit: Int64, isFinal: Bool) -> UnsafeMutablePointer<AVPacket>?

  /// Hears that MP4 did not take the last packet.
  func noteRefusal()

  /// What was written so far; nil for nothing.
  var written: WrittenSound? { get }

  var warnings: [String] { get }
}

/// Sound that can be neither copied nor decoded: there is none.
final class UnusableSound: SoundTrack {
  private let input: SoundInput

  init(_ input: SoundInput) { self.input = input }

  var parameters: UnsafeMutablePointer<AVCodecParameters>? { nil }
  var timeBase: AVRational { AVRational(num: 1, den: 1) }
  func next(until limit: Int64, isFinal: Bool) -> UnsafeMutablePointer<AVPacket>? { nil }
  func noteRefusal() {}
  var written: WrittenSound? { nil }
  var warnings: [String] {
    ["\(input.path): its sound (\(input.stream.codecName)) cannot be decoded; the video is silent"]
  }
}

/// What went wrong with sound on its way, counted.
struct SoundTroubles {
  /// Packets that could not be decoded or that MP4 refused.
  var damaged = 0

  /// Packets that lie before what has been written already.
  var backward = 0

  /// Where the source's sound ended, in seconds of the video; nil where the video ended first.
  var end: Double?

  /// Less than this is missing at the end of many files that are whole: seconds.
  private static let usualLoss = 0.5

  /// - Parameter packetCount: what was written.
  func warnings(of input: SoundInput, packetCount: Int) -> [String] {
    let path = input.path
    var warnings: [String] = []
    if damaged > 0 {
      warnings.append(
        "\(path): \(damaged) packets of its sound are damaged; there is silence instead")
    }
    if backward > 0 {
      warnings.append(
        "\(path): \(backward) packets of its sound go back in time and were left out")
    }
    if let readError = input.readError {
      warnings.append(
        "\(path): its sound could be read only in part (\(readError))")
    } else if let end, let stated = input.statedEnd, stated - end > Self.usualLoss {
      warnings.append(
        "\(path): its sound ends after \(Self.seconds(end)) of \(Self.seconds(stated)) seconds: "
          + "the file is damaged or incomplete")
    }
    if packetCount == 0 && warnings.isEmpty {
      warnings.append("\(path): its sound has nothing for these pictures; the video is silent")
    }
    return warnings
  }

  private static func seconds(_ value: Double) -> String { String(format: "%.1f", max(0, value)) }
}
