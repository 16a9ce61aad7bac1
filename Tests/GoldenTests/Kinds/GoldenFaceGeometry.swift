import Foundation
import Imaging
import Layers
import PortraitModels
import TensorCore
import TestSupport

/// Rows and columns of the picture that the face detector sees.
private let detectorInput = (rows: 272, columns: 160)

/// Rows and columns of the landmark network's crop and of the motion encoder's.
private let (cropSize, motionSize) = (128, 224)

/// Matrices of crops, landmarks in them, and the crops.
@Sendable func checkFaceGeometry(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let frame = FaceFrame(pixels: try golden.input("input.bgr"), index: 0)
  let box = FaceBox(try golden.integers("input.box").map(Double.init))
  let face = FaceLandmarks(try points(golden.floats("input.landmarks")))
  var differences: [String?] = []
  func compare(_ values: [Double], _ name: String) throws {
    differences.append(try golden.difference(values.map(Float.init), from: name))
  }
  func compare(_ matrix: AffineMatrix?, _ name: String) throws {
    try compare(matrix?.elements ?? [], name)
  }
  func compareCrop(_ matrix: AffineMatrix?, _ name: String, _ size: Int, _ filter: WarpFilter)
    throws
  {
    guard let matrix else { return }
    let crop = try frame.pixels.warped(
      by: matrix, rows: size, columns: size, filter: filter, on: execution.context)
    differences.append(try golden.difference(crop, from: name))
  }
  let boxMatrix = FaceCrop.matrix(around: box, angle: 0, size: cropSize)
  try compare(boxMatrix, "output.box_matrix")
  try compareCrop(boxMatrix, "output.box_crop", cropSize, .linear)
  for name in golden.names(prefix: "output.box_matrix_") {
    let degrees = name.dropFirst("output.box_matrix_".count).replacing("_", with: ".")
    let angle = (Double(degrees) ?? .nan) * .pi / 180
    try compare(FaceCrop.matrix(around: box, angle: angle, size: cropSize), name)
  }
  let pointsMatrix = FaceCrop.matrix(around: face, size: cropSize)
  try compare(pointsMatrix, "output.points_matrix")
  try compareCrop(pointsMatrix, "output.points_crop", cropSize, .linear)
  try compare([face.eyeAngle * 180 / .pi], "output.eye_angle_degrees")
  if let matrix = pointsMatrix, let back = matrix.inverse {
    let inCrop = matrix(face.points)
    try compare(inCrop.flatMap { [$0.x, $0.y] }, "output.points_to_crop")
    try compare(back(inCrop).flatMap { [$0.x, $0.y] }, "output.points_back")
  }
  let motionMatrix = MotionCrop.matrix(around: face, size: motionSize)
  try compare(motionMatrix, "output.umeyama")
  try compareCrop(motionMatrix, "output.motion_crop", motionSize, .cubic)
  let sets = try golden.input("input.similarity_points")
  let matrices = try (0..<sets.shape[0]).map { set in
    AffineMatrix.similarity(
      from: try points(sets[set].floats()),
      to: MotionCrop.places.map { $0 * Double(motionSize) })
  }
  try compare(matrices.flatMap { $0?.elements ?? [] }, "output.similarity_matrices")
  differences += try compareDetectorViews(golden, frame, execution)
  return differences.compactMap(\.self)
}

/// How frames of several sizes are fitted into the detector's input, and what becomes of one.
private func compareDetectorViews(
  _ golden: Golden, _ frame: FaceFrame, _ execution: Execution
) throws -> [String?] {
  func view(_ bounds: FaceBox) -> DetectorView {
    DetectorView(region: bounds, rows: detectorInput.rows, columns: detectorInput.columns)
  }
  let sizes = try golden.integers("input.resize_shapes")
  var differences = try (0..<sizes.count / 2).map { index in
    let bounds = FaceBox([0, 0, Double(sizes[2 * index]), Double(sizes[2 * index + 1])])
    return try golden.difference(
      view(bounds).homography.elements.map(Float.init), from: "output.resize_matrix_\(index)")
  }
  let whole = view(frame.bounds)
  differences.append(
    try golden.difference(
      whole.homography.elements.map(Float.init), from: "output.detector_matrix"))
  let image = try whole.picture(of: frame, on: execution.context)
  differences.append(try golden.difference(image, from: "output.detector_image"))
  differences.append(
    try golden.difference(DetectorView.normalized(image), from: "output.detector_input_sub"))
  return differences
}

extension FaceBox {
  /// - Parameter sides: left, top, right, bottom.
  init(_ sides: [Double]) {
    self.init(left: sides[0], top: sides[1], right: sides[2], bottom: sides[3])
  }
}

/// x and y of points, one after another.
func points(_ coordinates: [Float]) -> [SIMD2<Double>] {
  stride(from: 0, to: coordinates.count - 1, by: 2).map {
    [Double(coordinates[$0]), Double(coordinates[$0 + 1])]
  }
}
