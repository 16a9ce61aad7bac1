import Imaging
import Layers
import TensorCore
import TestSupport

/// The reference picture: sizes, and pictures at their sizes.
@Sendable func checkReferencePicture(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    struct Item: Decodable {
      let maxSize: Int

      enum CodingKeys: String, CodingKey { case maxSize = "max_size" }
    }
    let items: [Item]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for (number, item) in configuration.items.enumerated() {
    let picture = try ReferencePicture.prepared(
      golden.tensor("input.rgb_\(number)"), maxSize: item.maxSize, on: execution.context)
    differences.append(try golden.difference(picture, from: "output.rgb_\(number)"))
  }
  let sizes = try golden.integers("input.sizes")
  let results = try stride(from: 0, to: sizes.count, by: 3).flatMap { place -> [Float] in
    do {
      let size = try ReferencePicture.size(
        rows: sizes[place + 1], columns: sizes[place], maxSize: sizes[place + 2])
      return [Float(size.columns), Float(size.rows)]
    } catch ImagingError.tooThin {
      // The file has 0 x 0 where the reference fails.
      return [0, 0]
    }
  }
  differences.append(try golden.difference(results, from: "output.sizes"))
  return differences.compactMap(\.self)
}

/// Pictures resized by every filter (scripts/reference/check_imaging.py).
@Sendable func checkResizedPictures(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    struct Item: Decodable { let filter: ResizeFilter }
    let items: [Item]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for (number, item) in configuration.items.enumerated() {
    let want = try golden.tensor("output.resized_\(number)")
    let picture = try golden.tensor("input.picture_\(number)").resized(
      rows: want.shape[0], columns: want.shape[1], filter: item.filter, on: execution.context)
    differences.append(try golden.difference(picture, from: "output.resized_\(number)"))
  }
  return differences.compactMap(\.self)
}

/// Pictures warped by affine maps and homographies (scripts/reference/check_imaging.py).
@Sendable func checkWarpedPictures(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    struct Item: Decodable {
      let matrix: [Double]
      let filter: WarpFilter
    }
    let items: [Item]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for (number, item) in configuration.items.enumerated() {
    let source = try golden.tensor("input.picture_\(number)")
    let want = try golden.tensor("output.warped_\(number)")
    let (rows, columns) = (want.shape[0], want.shape[1])
    let picture =
      item.matrix.count == 6
      ? try source.warped(
        by: AffineMatrix(item.matrix), rows: rows, columns: columns, filter: item.filter,
        on: execution.context)
      : try source.warped(
        by: Homography(item.matrix), rows: rows, columns: columns, filter: item.filter,
        on: execution.context)
    differences.append(try golden.difference(picture, from: "output.warped_\(number)"))
  }
  return differences.compactMap(\.self)
}
