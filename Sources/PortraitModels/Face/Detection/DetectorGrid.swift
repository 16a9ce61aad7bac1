import Foundation
import Imaging

/// One of the detector's resolutions: the cells whose corners lie `stride` pixels of the input apart.
package struct DetectorGrid: Sendable, Equatable {
  /// Values that a distance is a distribution over.
  package static let bins = 8

  package let stride: Int
  package let rows: Int
  package let columns: Int

  /// - Parameters:
  ///   - inputRows: of the network's input; `inputColumns` likewise.
  package init(stride: Int, inputRows: Int, inputColumns: Int) {
    self.stride = stride
    rows = (inputRows + stride - 1) / stride
    columns = (inputColumns + stride - 1) / stride
  }

  package var cells: Int { rows * columns }

  /// Logits of a cell: four distances (left, top, right, bottom), each a distribution.
  package static let logitsPerCell = 4 * bins

  /// The box that a cell tells of, in pixels of the input: each side lies its distribution's mean,
  /// times the stride, from the cell's corner.
  ///
  /// - Parameter logits: `[cells, 4, bins]`.
  package func box(cell: Int, logits: [Float]) -> FaceBox {
    let distance = (0..<4).map { side in
      let start = cell * Self.logitsPerCell + side * Self.bins
      return Double(Self.mean(logits[start..<start + Self.bins]) * Float(stride))
    }
    let x = Double(cell % columns * stride)
    let y = Double(cell / columns * stride)
    return FaceBox(
      left: x - distance[0], top: y - distance[1], right: x + distance[2], bottom: y + distance[3])
  }

  /// The mean of 0, 1, 2, ... by their softmax.
  private static func mean(_ logits: ArraySlice<Float>) -> Float {
    let largest = logits.max() ?? 0
    var total: Float = 0
    var sum: Float = 0
    for (value, logit) in logits.enumerated() {
      let weight = exp(logit - largest)
      total += weight
      sum += weight * Float(value)
    }
    return sum / total
  }
}
