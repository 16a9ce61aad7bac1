/// Drops boxes that a better one overlaps.
enum NonMaximumSuppression {
  /// What keeps the share defined where both boxes are empty.
  private static let epsilon: Float = 1e-5

  /// - Parameters:
  ///   - faces: best first.
  ///   - overlap: intersection over union, in float32, that is still kept.
  /// - Returns: those that overlap none before them that is kept, in the same order.
  static func kept(_ faces: [DetectedFace], overlap: Float) -> [DetectedFace] {
    var kept: [DetectedFace] = []
    for face in faces
    where kept.allSatisfy({ !(share(of: $0.box, and: face.box) > overlap) }) {
      kept.append(face)
    }
    return kept
  }

  private static func share(of a: FaceBox, and b: FaceBox) -> Float {
    func area(_ left: Double, _ top: Double, _ right: Double, _ bottom: Double) -> Float {
      max(Float(right) - Float(left), 0) * max(Float(bottom) - Float(top), 0)
    }
    let common = area(
      max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom))
    let areas =
      area(a.left, a.top, a.right, a.bottom) + area(b.left, b.top, b.right, b.bottom)
    return common / (areas - common + epsilon)
  }
}
