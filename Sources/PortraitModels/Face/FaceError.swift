import TensorCore

/// What can be wrong on the way from a video to expression features.
package enum FaceError: Error, Equatable, CustomStringConvertible {
  /// `--face` says what is no choice.
  case choice(String)
  /// `--face x,y` names a place outside the frame.
  case pointOutside(x: Double, y: Double, rows: Int, columns: Int)
  /// The video has no frame.
  case noFrames(video: String)
  /// No frame has a face.
  case noFace(video: String, frames: Int)
  /// There are faces, but never the one that was asked for; `atOnce` is the most in one frame.
  case choiceUnmet(video: String, choice: FaceChoice, frames: Int, atOnce: Int)
  /// Fewer than one frame in two has the face.
  case tooFewFaces(video: String, valid: Int, frames: Int)
  /// Reading the video again gave other frames.
  case framesChanged(video: String, first: Int, second: Int)
  /// A frame that is no picture.
  case frame(index: Int, found: String)
  /// A network file that is no face detector or no landmark network.
  case network(file: String, expected: String, found: String)

  /// What failed, what was expected, what was found, what to do.
  package var description: String {
    switch self {
    case .choice(let text):
      "--face \(text): expected largest, first, left, right, a face's number from 0, or a place "
        + "x,y in pixels"
    case .pointOutside(let x, let y, let rows, let columns):
      "--face \(x.shortest),\(y.shortest): outside the video's \(columns)x\(rows) pixels"
    case .noFrames(let video): "\(video): no frames"
    case .noFace(let video, let frames):
      "\(video): no face found in \(frames.counted("frame")): use a video in which a face looks "
        + "towards the camera"
    case .choiceUnmet(let video, let choice, let frames, let atOnce):
      "\(video): no face matches --face \(choice) in \(frames.counted("frame")), which show "
        + "\(atOnce.counted("face")) at most at once: --overlay shows them with their numbers"
    case .tooFewFaces(let video, let valid, let frames):
      "\(video): a face in \(valid) of \(frames.counted("frame")), expected one in every other "
        + "frame at least: cut the video to where the face is seen, or choose another one by --face"
    case .framesChanged(let video, let first, let second):
      "\(video): read twice, with \(first.counted("frame")) and then \(second): does it change?"
    case .frame(let index, let found):
      "frame \(index): expected bytes [rows, columns, 3], found \(found)"
    case .network(let file, let expected, let found):
      "\(file): expected \(expected), found \(found): is this the right file?"
    }
  }
}

extension FaceError {
  /// What a network answered, as `.network` tells it: names and shapes, by name.
  static func shapes(of outputs: [String: Tensor]) -> String {
    outputs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.shape)" }
      .joined(separator: ", ")
  }
}

extension Int {
  /// "1 frame", "2 frames".
  func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}

extension Double {
  /// Without ".0".
  var shortest: String {
    self == rounded() && abs(self) < 1e15 ? "\(Int(self))" : "\(self)"
  }
}
