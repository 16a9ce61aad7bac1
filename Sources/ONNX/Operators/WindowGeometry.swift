import TensorCore

/// The sliding window of a convolution or pooling: kernel, strides, dilations and paddings, one
/// number for each spatial axis.
struct WindowGeometry: Sendable {
  enum AutomaticPadding: String, Sendable {
    case none = "NOTSET"
    case valid = "VALID"
    case sameUpper = "SAME_UPPER"
    case sameLower = "SAME_LOWER"
  }

  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  let automatic: AutomaticPadding
  /// As in the file.
  let before: [Int], after: [Int]
  let roundsUp: Bool

  /// Far beyond any network's, and small enough that sizes cannot overflow.
  private static let limit = 1 << 20

  /// - Throws: `ONNXError.invalid`.
  init(_ node: Node, kernel: [Int]) throws {
    let axes = kernel.count
    func numbers(_ name: String, _ count: Int, _ fallback: Int, from minimum: Int) throws -> [Int] {
      guard let values = try node.ints(name), !values.isEmpty else {
        return [Int](repeating: fallback, count: count)
      }
      guard values.count == count, values.allSatisfy((minimum...Self.limit).contains) else {
        throw ONNXError.invalid(
          "attribute '\(name)': expected \(count) numbers of \(minimum) ... \(Self.limit), "
            + "found \(values)")
      }
      return values
    }
    guard (1...3).contains(axes), kernel.allSatisfy((1...Self.limit).contains) else {
      throw ONNXError.invalid("expected a kernel with 1 to 3 axes, found \(kernel)")
    }
    self.kernel = kernel
    strides = try numbers("strides", axes, 1, from: 1)
    dilations = try numbers("dilations", axes, 1, from: 1)
    let pads = try numbers("pads", 2 * axes, 0, from: 0)
    let name = try node.string("auto_pad", default: "NOTSET")
    guard let automatic = AutomaticPadding(rawValue: name.isEmpty ? "NOTSET" : name) else {
      throw ONNXError.invalid("attribute 'auto_pad' is '\(name)'")
    }
    self.automatic = automatic
    let counts = automatic == .none ? pads : [Int](repeating: 0, count: 2 * axes)
    before = Array(counts[..<axes])
    after = Array(counts[axes...])
    roundsUp = try node.flag("ceil_mode")
  }

  /// What the window covers of an axis.
  func span(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

  /// Paddings for an input of a size.
  func paddings(for sizes: [Int]) -> (before: [Int], after: [Int]) {
    guard automatic == .sameUpper || automatic == .sameLower else { return (before, after) }
    var result = (before: before, after: after)
    for axis in kernel.indices {
      let outputs = sizes[axis].dividedUp(by: strides[axis])
      let total = max(0, (outputs - 1) * strides[axis] + span(axis) - sizes[axis])
      let small = total / 2
      result.before[axis] = automatic == .sameUpper ? small : total - small
      result.after[axis] = total - result.before[axis]
    }
    return result
  }

  /// Sizes of the output of a convolution or pooling.
  func outputSizes(for sizes: [Int]) throws -> [Int] {
    let (before, after) = paddings(for: sizes)
    return try kernel.indices.map { axis in
      let room = sizes[axis] + before[axis] + after[axis] - span(axis)
      guard room >= 0 else {
        throw ONNXError.invalid(
          "a window of \(span(axis)) does not fit an axis of \(sizes[axis]) and its padding")
      }
      let step = strides[axis]
      var count = room / step + 1
      // A last window that only padding would meet is left out.
      if roundsUp, room % step != 0, count * step < sizes[axis] + before[axis] { count += 1 }
      return count
    }
  }

  /// As the three axes of convolutions here; the missing ones come first.
  static func three(_ values: [Int], _ fill: Int) -> SIMD3<Int> {
    let all = [Int](repeating: fill, count: 3 - values.count) + values
    return SIMD3(all[0], all[1], all[2])
  }
}
