/// Fills the rows of frames that have none of their own.
enum GapFilling {
  /// Fills by linear interpolation between the nearest rows before and after; at the ends the nearest
  /// row is held.
  ///
  /// - Parameters:
  ///   - rows: `[validity.count, width]`, row-major, in place.
  ///   - validity: which rows are there; none is filled where no row is.
  static func fill(
    _ rows: UnsafeMutableBufferPointer<Float>, width: Int, validity: [Bool]
  ) {
    let valid = validity.indices.filter { validity[$0] }
    guard let first = valid.first, let last = valid.last else { return }
    func hold(_ row: Int, in gap: Range<Int>) {
      for frame in gap {
        for column in 0..<width { rows[frame * width + column] = rows[row * width + column] }
      }
    }
    hold(first, in: 0..<first)
    hold(last, in: last + 1..<validity.count)
    for (before, after) in zip(valid, valid.dropFirst()) {
      for frame in before + 1..<after {
        let share = Float(frame - before) / Float(after - before)
        for column in 0..<width {
          let (a, b) = (rows[before * width + column], rows[after * width + column])
          rows[frame * width + column] = a + share * (b - a)
        }
      }
    }
  }
}
