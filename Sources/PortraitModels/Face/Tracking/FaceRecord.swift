/// A face that is tracked from frame to frame.
package struct FaceRecord: Sendable {
  /// Stays the same while the face is tracked.
  package var number: Int
  /// The detector's box at first, then the extent of the smoothed landmarks.
  package private(set) var box: FaceBox
  /// Smoothed; nil before the first frame.
  package private(set) var landmarks: FaceLandmarks?
  /// Of the last frame; radians.
  package private(set) var angles: HeadAngles
  package private(set) var probability: Double
  /// What movements are measured by: the size of the face, were it seen from the front.
  package private(set) var faceDistance: Double
  /// Frames since a detection lay on the face.
  package var framesUnconfirmed = 0
  private var smoother = LandmarkSmoother()

  package init(number: Int, box: FaceBox) {
    self.number = number
    self.box = box
    angles = HeadAngles(pitch: 0, yaw: 0, roll: 0)
    probability = 0
    faceDistance = box.diagonal
  }

  /// Where it is to be looked for in the next frame.
  package var start: FaceStart { landmarks.map(FaceStart.landmarks) ?? .box(box) }

  /// Takes over what was found in the next frame.
  package mutating func follow(_ face: AlignedFace) {
    let smoothed = smoother(face.landmarks, faceDistance: faceDistance)
    landmarks = smoothed
    box = smoothed.bounds
    angles = face.angles
    probability = face.probability
    let turn = abs(face.angles.pitch) + 0.6 * abs(face.angles.yaw)
    faceDistance = smoothed.outlineWidth * (1 + turn * (180 / .pi) / 18)
  }
}
