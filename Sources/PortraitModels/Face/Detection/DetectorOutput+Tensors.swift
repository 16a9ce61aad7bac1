import TensorCore

extension DetectorOutput {
  /// Reads what a network answers: for strides 8, 16 and 32 a map of scores and one of boxes each, which
  /// their numbers of elements tell apart.
  ///
  /// - Parameters:
  ///   - outputs: of the network, by name. Scores have an element for each cell, boxes 32, as rows
  ///     (`[1, cells, 32]`, `[cells, 32]`) or planes (`[1, 32, cells]`, `[1, 32, rows, columns]`).
  ///   - file: for errors.
  ///   - rows: of the network's input; `columns` likewise.
  /// - Throws: `FaceError.network` where there are others, or fewer.
  package init(
    outputs: [String: Tensor], file: String, rows: Int, columns: Int,
    on context: ComputeContext = .shared
  ) throws {
    let grids = Self.strides.map {
      DetectorGrid(stride: $0, inputRows: rows, inputColumns: columns)
    }
    func only(_ count: Int) -> Tensor? {
      let found = outputs.values.filter { $0.count == count }
      return found.count == 1 ? found[0] : nil
    }
    levels = try grids.map { grid in
      guard let scores = only(grid.cells), let boxes = only(grid.cells * DetectorGrid.logitsPerCell)
      else {
        throw FaceError.network(
          file: file, expected: Self.expected(grids), found: FaceError.shapes(of: outputs))
      }
      return Level(
        grid: grid, scores: try scores.floats(on: context),
        logits: try Self.rows(boxes).floats(on: context))
    }
  }

  private static let strides = [8, 16, 32]

  /// `[cells, 32]` of any layout.
  private static func rows(_ boxes: Tensor) throws -> Tensor {
    let width = DetectorGrid.logitsPerCell
    let axes = boxes.shape.axes.drop { $0 == 1 }
    guard axes.last != width, axes.first == width else { return boxes }
    return try boxes.reshaped([width, boxes.count / width]).permuted([1, 0])
  }

  private static func expected(_ grids: [DetectorGrid]) -> String {
    let counts = grids.map(\.cells)
    let maps = counts.map { "[\($0), 1]" } + counts.map { "[\($0), \(DetectorGrid.logitsPerCell)]" }
    return "a face detector with outputs \(maps.joined(separator: " "))"
  }
}
