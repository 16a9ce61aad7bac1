import Imaging
import PortraitModels
import TensorCore

/// Draws on a video's frames what was found in them: every face with its number, the one that was
/// chosen with its landmarks, and the frame's number.
struct FaceOverlay {
  private let found: ExpressionFeatures
  private let landmarks: [Float]
  private let boxes: [Float]

  private static let chosen = Color(red: 60, green: 220, blue: 80)
  private static let other = Color(red: 150, green: 150, blue: 150)
  private static let alarm = Color(red: 235, green: 60, blue: 50)

  init(_ found: ExpressionFeatures) throws {
    self.found = found
    landmarks = try found.landmarks.floats()
    boxes = try found.boxes.floats()
  }

  /// A copy of a frame with what was found in it.
  ///
  /// - Parameter pixels: U8 `[rows, columns, 3]`, blue, green and red.
  /// - Throws: `ImagingError`, `TensorError.outOfMemory`.
  func drawn(frame: Int, on pixels: Tensor) throws -> Tensor {
    let canvas = try Canvas(copying: pixels, order: .bgr)
    let pen = Pen(rows: pixels.shape[0], columns: pixels.shape[1])
    let sighting = found.sightings[frame]
    for face in sighting.faces where face.number != sighting.chosen?.number {
      draw(face.box, number: face.number, Self.other, canvas, pen)
    }
    if found.validity[frame] {
      let box = boxes[4 * frame..<4 * frame + 4].map(Double.init)
      draw(
        FaceBox(left: box[0], top: box[1], right: box[2], bottom: box[3]),
        number: sighting.chosen?.number, Self.chosen, canvas, pen)
      drawLandmarks(of: frame, canvas, pen)
    }
    draw(caption(of: frame), isAlarm: !found.validity[frame], canvas, pen)
    return canvas.pixels
  }

  private func draw(
    _ box: FaceBox, number: Int?, _ color: Color, _ canvas: Canvas, _ pen: Pen
  ) {
    let corner = SIMD2(box.left, box.top)
    canvas.strokeRectangle(
      from: corner, to: SIMD2(box.right, box.bottom), thickness: pen.line, color: color)
    guard let number else { return }
    let text = String(number)
    let height = Canvas.textSize(text, point: pen.point).y
    canvas.write(
      text, at: corner - SIMD2(0, height), point: pen.point, color: .black, ground: color)
  }

  private func drawLandmarks(of frame: Int, _ canvas: Canvas, _ pen: Pen) {
    let start = frame * FaceLandmarks.count
    for part in FaceLandmarks.Part.allCases {
      for point in part.points {
        let place = SIMD2(
          Double(landmarks[2 * (start + point)]), Double(landmarks[2 * (start + point) + 1]))
        canvas.fillDisc(center: place, radius: pen.dot, color: part.color)
      }
    }
  }

  private func caption(of frame: Int) -> String {
    var text = String(frame)
    if found.sightings[frame].isCut { text += " cut" }
    if !found.validity[frame] { text += " no face" }
    return text
  }

  private func draw(_ caption: String, isAlarm: Bool, _ canvas: Canvas, _ pen: Pen) {
    canvas.write(
      caption, at: SIMD2(pen.line, pen.line), point: pen.point, color: .white,
      ground: isAlarm ? Self.alarm : .black)
  }

  /// Sizes that can be seen in a picture of any size, in pixels.
  private struct Pen {
    let line: Double
    let dot: Double
    let point: Int

    init(rows: Int, columns: Int) {
      let side = Double(min(rows, columns))
      line = max((side / 300).rounded(), 1)
      dot = max(side / 500, 0.8)
      point = max(Int(side / 240), 1)
    }
  }
}

extension FaceLandmarks.Part {
  fileprivate var color: Color {
    switch self {
    case .outline: Color(red: 255, green: 255, blue: 255)
    case .nose: Color(red: 255, green: 170, blue: 40)
    case .brows: Color(red: 200, green: 120, blue: 255)
    case .leftEye, .rightEye: Color(red: 70, green: 200, blue: 255)
    case .mouth: Color(red: 255, green: 80, blue: 110)
    case .leftPupil, .rightPupil: Color(red: 255, green: 240, blue: 60)
    }
  }
}
