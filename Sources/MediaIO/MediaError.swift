import TensorCore

/// What can be wrong with a video or a picture.
package enum MediaError: Error, Equatable, CustomStringConvertible {
  /// No such file.
  case missing(path: String)

  /// The system would not open a file, or it is a folder, a pipe, a device.
  case unreadable(path: String, reason: String)

  /// The system failed in the middle of reading.
  case readFailed(path: String, reason: String)

  /// Damaged, or not what is expected ("a video", "a picture").
  case malformed(path: String, expected: String, reason: String)

  /// A whole file without what is asked for.
  case nothingToRead(path: String, expected: String, found: String)

  /// A codec or format that the installed FFmpeg does not decode, or one that is refused because it
  /// makes FFmpeg open other files.
  case unsupported(path: String, found: String, advice: String)

  /// More pixels than are ever allocated for one picture.
  case tooLarge(path: String, width: Int, height: Int, limit: Int)

  /// Pictures that cannot become a video or a PNG file.
  case notEncodable(path: String, reason: String)

  /// A piece of a video that cannot be joined with those before it.
  case pieceDiffers(path: String, found: String, expected: String)

  /// A rate at which no video can be read.
  case frameRate(Rational, path: String)

  /// Reading or writing was stopped from outside.
  case cancelled(path: String)

  /// The installed FFmpeg libraries lack a part.
  case componentMissing(name: String, purpose: String)

  package var description: String { sentence.printable }

  private var sentence: String {
    switch self {
    case .missing(let path): "\(path): no such file"
    case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
    case .readFailed(let path, let reason): "\(path): reading failed: \(reason)"
    case .malformed(let path, let expected, let reason):
      "\(path): is not \(expected) that can be read: \(reason); it is damaged, incomplete or of "
        + "another kind: copy or export it again"
    case .nothingToRead(let path, let expected, let found):
      "\(path): holds \(found); expected \(expected)"
    case .unsupported(let path, let found, let advice):
      "\(path): \(found) is not supported: \(advice)"
    case .tooLarge(let path, let width, let height, let limit):
      "\(path): \(width)x\(height) pixels are more than the \(limit) that are read: scale it down"
    case .notEncodable(let path, let reason): "\(path): cannot be encoded: \(reason)"
    case .pieceDiffers(let path, let found, let expected):
      "\(path): has \(found), but the pieces before it have \(expected): remove it and make it again"
    case .frameRate(let rate, let path):
      "\(path): cannot be read at \(rate) frames a second: expected "
        + "1/600 to 1000, of a numerator and a denominator up to \(ConstantFrameRate.longestTerm)"
    case .cancelled(let path): "\(path): was stopped on the way"
    case .componentMissing(let name, let purpose):
      "the installed FFmpeg lacks \(name), needed to \(purpose): install a complete FFmpeg"
    }
  }
}
