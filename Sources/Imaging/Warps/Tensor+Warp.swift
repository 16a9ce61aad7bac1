import TensorCore

extension Tensor {
  /// Warps a picture by an affine map, with the bytes of OpenCV 4's `warpAffine`; what comes from
  /// outside the picture is 0.
  ///
  /// OpenCV 5 computes linear warps in float32: 3 levels apart in a few hundredths of the pixels of a
  /// photograph.
  ///
  /// - Parameters:
  ///   - matrix: source to destination. One without an inverse, or that is not finite, gives zeros.
  ///   - rows: of the result; `columns` likewise. Neither is negative.
  /// - Returns: U8 `[rows, columns, 3]`, in the channel order of this picture.
  /// - Throws: `ImagingError.notAPicture` unless this is U8 `[rows, columns, 3]` and not empty;
  ///   `ImagingError.size`, `TensorError.outOfMemory`.
  package func warped(
    by matrix: AffineMatrix, rows: Int, columns: Int, filter: WarpFilter,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    try warped(rows: rows, columns: columns, filter: filter, context) {
      AffineCoordinates(matrix, columns: columns)
    }
  }

  /// Warps a picture by a projective map, with the bytes of OpenCV 4's `warpPerspective` where linear;
  /// what comes from outside the picture is 0.
  ///
  /// Parameters, result and errors are those of the affine warp.
  package func warped(
    by matrix: Homography, rows: Int, columns: Int, filter: WarpFilter = .linear,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    try warped(rows: rows, columns: columns, filter: filter, context) {
      ProjectiveCoordinates(matrix, rows: rows, columns: columns)
    }
  }

  /// - Parameter makeCoordinates: nil where the map has no inverse.
  private func warped(
    rows: Int, columns: Int, filter: WarpFilter, _ context: ComputeContext,
    _ makeCoordinates: () -> (any WarpCoordinates)?
  ) throws -> Tensor {
    let source = try picture(for: "warp")
    let limit = 1 << 20
    guard (0...limit).contains(rows), (0...limit).contains(columns) else {
      throw ImagingError.size(
        operation: "warp", rows: rows, columns: columns, limit: "sides are 0 to \(limit)")
    }
    guard let coordinates = makeCoordinates() else {
      return try Tensor(zeros: [rows, columns, 3], dtype: .u8)
    }
    let result = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    guard result.count > 0 else { return result }
    let sampling = WarpSampling(
      source: UnsafePointer(source.pointer.assumingMemoryBound(to: UInt8.self)),
      rows: source.shape[0], columns: source.shape[1])
    let band = 16
    withExtendedLifetime((source, result)) {
      CubicWeights.table.withUnsafeBufferPointer { weights in
        context.pool.forEach(rows.dividedUp(by: band)) { piece in
          sampling.fill(
            result, rows: piece * band..<min((piece + 1) * band, rows), coordinates, filter,
            weights.baseAddress!)
        }
      }
    }
    return result
  }
}

extension WarpSampling {
  /// Writes a band of rows of a picture.
  fileprivate func fill(
    _ result: Tensor, rows: Range<Int>, _ coordinates: any WarpCoordinates, _ filter: WarpFilter,
    _ weights: UnsafePointer<Int16>
  ) {
    let columns = result.shape[1]
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * columns) { places in
      let x = UnsafeMutableBufferPointer(rebasing: places[..<columns])
      let y = UnsafeMutableBufferPointer(rebasing: places[columns...])
      for row in rows {
        coordinates.fill(row: row, x: x, y: y)
        fill(
          (result.pointer + row * columns * 3).assumingMemoryBound(to: UInt8.self), x: x, y: y,
          filter: filter, weights: weights)
      }
    }
  }
}
