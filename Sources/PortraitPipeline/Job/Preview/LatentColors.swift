import TensorCore

/// A linear map from latents to colours, one for each latent's place: rough, and nearly free.
///
/// It is fitted to a picture and its own latents, so that it needs no constants and serves any
/// autoencoder.
package struct LatentColors: Sendable {
  /// Red, green and blue of a latent of zeros, 0 ... 1.
  private let base: SIMD3<Double>
  /// What each channel adds.
  private let slopes: [SIMD3<Double>]

  /// Keeps the fit finite where channels move together, small beside what they vary.
  private static let ridge = 1e-6

  /// Fits the map by least squares. Where the latents tell nothing of the picture, every colour is its
  /// mean.
  ///
  /// - Parameters:
  ///   - latents: of the picture, `[channels, h, w]` float32, at least one.
  ///   - picture: U8 `[rows, columns, 3]`; it is averaged to `h` x `w`.
  /// - Throws: `ImagingError`, `TensorError`.
  package init(
    latents: Tensor, picture: Tensor, on context: ComputeContext = .shared
  ) throws {
    precondition(latents.shape.rank == 3 && latents.count > 0, "latents \(latents.shape)")
    let (channels, rows, columns) = (latents.shape[0], latents.shape[1], latents.shape[2])
    let values = try latents.floats(on: context)
    let places = rows * columns
    let colors = try Self.colors(
      of: picture.resized(rows: rows, columns: columns, filter: .box, on: context))
    let colorMean = colors.reduce(.zero, +) / Double(places)
    let rowsOfX = (0..<channels).map { channel -> [Double] in
      let row = values[channel * places..<(channel + 1) * places].map(Double.init)
      let mean = row.reduce(0, +) / Double(places)
      return [mean] + row.map { $0 - mean }
    }
    let means = rowsOfX.map { $0[0] }
    let centred = rowsOfX.map { Array($0.dropFirst()) }
    var products = centred.map { a in
      centred.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    let variance = (0..<channels).reduce(0) { $0 + products[$1][$1] } / Double(channels)
    for channel in 0..<channels { products[channel][channel] += Self.ridge * variance }
    let targets = centred.map { row in
      zip(row, colors).reduce(SIMD3<Double>.zero) { $0 + ($1.1 - colorMean) * $1.0 }
    }
    let slopes =
      Self.solution(products, targets) ?? [SIMD3<Double>](repeating: .zero, count: channels)
    self.slopes = slopes
    base = zip(slopes, means).reduce(colorMean) { $1.1.isFinite ? $0 - $1.0 * $1.1 : $0 }
  }

  /// The picture of a latent frame.
  ///
  /// - Parameter latents: `[channels, h, w]` float32.
  /// - Returns: U8 `[h, w, 3]`.
  /// - Throws: `TensorError`.
  package func callAsFunction(
    _ latents: Tensor, on context: ComputeContext = .shared
  ) throws -> Tensor {
    precondition(
      latents.shape.rank == 3 && latents.shape[0] == slopes.count, "latents \(latents.shape)")
    let places = latents.shape[1] * latents.shape[2]
    let values = try latents.floats(on: context)
    let result = try Tensor(
      uninitialized: [latents.shape[1], latents.shape[2], 3], dtype: .u8)
    let target = result.pointer.assumingMemoryBound(to: UInt8.self)
    for place in 0..<places {
      var color = base
      for (channel, slope) in slopes.enumerated() {
        color += slope * Double(values[channel * places + place])
      }
      for index in 0..<3 {
        // A latent that is no number is black.
        let value = color[index] > 0 ? min(color[index], 1) : 0
        target[3 * place + index] = UInt8((value * 255).rounded())
      }
    }
    return result
  }

  private static func colors(of picture: Tensor) throws -> [SIMD3<Double>] {
    let bytes = try picture.contiguous()
    return withExtendedLifetime(bytes) {
      let base = bytes.pointer.assumingMemoryBound(to: UInt8.self)
      return (0..<bytes.count / 3).map { place in
        SIMD3(
          Double(base[3 * place]), Double(base[3 * place + 1]), Double(base[3 * place + 2])) / 255
      }
    }
  }

  /// Solves a symmetric positive definite system by Cholesky's method.
  ///
  /// - Returns: nil for a matrix of another kind.
  private static func solution(
    _ matrix: [[Double]], _ targets: [SIMD3<Double>]
  ) -> [SIMD3<Double>]? {
    let count = targets.count
    var factor = matrix
    var result = targets
    for column in 0..<count {
      for row in column..<count {
        var sum = matrix[row][column]
        for inner in 0..<column { sum -= factor[row][inner] * factor[column][inner] }
        if row == column {
          guard sum > 0, sum.isFinite else { return nil }
          factor[row][row] = sum.squareRoot()
        } else {
          factor[row][column] = sum / factor[column][column]
        }
      }
    }
    for row in 0..<count {
      for inner in 0..<row { result[row] -= result[inner] * factor[row][inner] }
      result[row] /= factor[row][row]
    }
    for row in (0..<count).reversed() {
      for inner in row + 1..<count { result[row] -= result[inner] * factor[inner][row] }
      result[row] /= factor[row][row]
    }
    return result.allSatisfy { $0.x.isFinite && $0.y.isFinite && $0.z.isFinite } ? result : nil
  }
}
