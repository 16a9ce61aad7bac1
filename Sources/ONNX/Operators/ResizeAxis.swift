import TensorCore

/// How Resize finds the input place of an output.
struct ResizeRule: Sendable {
  enum Mode: String, Sendable {
    case nearest, linear, cubic
  }

  enum Coordinates: String, Sendable {
    case halfPixel = "half_pixel"
    case halfPixelSymmetric = "half_pixel_symmetric"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
    case halfPixelNearest = "tf_half_pixel_for_nn"
    case cropAndResize = "tf_crop_and_resize"
  }

  enum Rounding: String, Sendable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor
    case ceil
    /// Opset 10 and Upsample: down where the axis grows, else up.
    case simple
  }

  var mode: Mode
  var coordinates: Coordinates
  var rounding: Rounding
  var cubicCoefficient: Float
  var excludesOutside: Bool
  var antialiases: Bool
}

/// One axis of a Resize: each output's inputs and their weights.
struct ResizeAxis: Sendable {
  let inputs: Int
  let outputs: Int
  /// Inputs of an output.
  let taps: Int
  /// `[outputs][taps]`
  private(set) var index: [Int] = []
  private(set) var weight: [Float] = []
  /// Outputs that lie outside the region of interest; empty where none can.
  private(set) var isOutside: [Bool] = []

  private let rule: ResizeRule
  private let scale: Float

  /// - Parameters:
  ///   - scale: outputs for an input, as the caller said or as the sizes imply.
  ///   - region: start and end of the part to take, as shares of the axis.
  init(
    inputs: Int, outputs: Int, scale: Float, region: (start: Float, end: Float), rule: ResizeRule
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.scale = scale
    self.rule = rule
    let shrinking = rule.antialiases ? min(scale, 1) : 1
    let reach: Int
    switch rule.mode {
    case .nearest: reach = 0
    // Beyond all inputs nothing more is reached.
    case .linear: reach = Int(min((1 / shrinking).rounded(.up), Float(inputs) + 1))
    case .cubic: reach = Int(min((2 / shrinking).rounded(.up), Float(inputs) + 2))
    }
    taps = rule.mode == .nearest ? 1 : 2 * reach
    index.reserveCapacity(outputs * taps)
    weight.reserveCapacity(outputs * taps)
    for output in 0..<outputs {
      let place = source(Float(output), region: region)
      if rule.coordinates == .cropAndResize {
        isOutside.append(place < 0 || place > Float(inputs - 1))
      }
      if rule.mode == .nearest {
        index.append(min(max(nearest(place), 0), inputs - 1))
        weight.append(1)
      } else {
        append(place, reach: reach, shrinking: shrinking)
      }
    }
  }

  /// Whether every output is the input at its place.
  var isIdentity: Bool {
    inputs == outputs && !isOutside.contains(true)
      && (0..<outputs).allSatisfy { output in
        (0..<taps).allSatisfy { tap in
          let at = output * taps + tap
          return index[at] == output || weight[at] == 0
        }
      }
  }

  /// Weights of the neighbours of a place; the edge is repeated outside.
  private mutating func append(_ place: Float, reach: Int, shrinking: Float) {
    let bounded = min(max(place, -1e9), 1e9)
    let base = Int(bounded.rounded(.down))
    let part = bounded - Float(base)
    var weights: [Float] = []
    for tap in 0..<taps {
      let neighbour = base + tap - reach + 1
      let distance = (Float(tap - reach + 1) - part) * shrinking
      let isInside = (0..<inputs).contains(neighbour)
      weights.append(rule.excludesOutside && !isInside ? 0 : kernel(distance))
      index.append(min(max(neighbour, 0), inputs - 1))
    }
    if rule.excludesOutside || shrinking < 1 {
      let sum = weights.reduce(0, +)
      if sum != 0 { weights = weights.map { $0 / sum } }
    }
    weight += weights
  }

  private func kernel(_ distance: Float) -> Float {
    let x = abs(distance)
    if rule.mode == .linear { return max(0, 1 - x) }
    let a = rule.cubicCoefficient
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }

  /// The coordinate of an output in the input.
  private func source(_ output: Float, region: (start: Float, end: Float)) -> Float {
    let last = Float(inputs - 1)
    switch rule.coordinates {
    case .halfPixel: return (output + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return outputs > 1 ? (output + 0.5) / scale - 0.5 : 0
    case .halfPixelNearest: return (output + 0.5) / scale
    case .asymmetric: return output / scale
    case .alignCorners:
      // Where a scale leaves a part of an output, the standard's tests count it.
      let exact = scale * Float(inputs)
      let length = exact > Float(outputs) + 1e-3 ? exact : Float(outputs)
      return outputs > 1 ? output * last / (length - 1) : 0
    case .halfPixelSymmetric:
      let adjustment = Float(outputs) / (scale * Float(inputs))
      let offset = Float(inputs) / 2 * (1 - adjustment)
      return offset + (output + 0.5) / scale - 0.5
    case .cropAndResize:
      guard outputs > 1 else { return 0.5 * (region.start + region.end) * last }
      return region.start * last
        + output * (region.end - region.start) * last / Float(outputs - 1)
    }
  }

  private func nearest(_ place: Float) -> Int {
    let place = min(max(place, -1), Float(inputs))
    let rounded: Float
    switch rule.rounding {
    case .preferFloor: rounded = (place - 0.5).rounded(.up)
    case .preferCeil: rounded = (place + 0.5).rounded(.down)
    case .floor: rounded = place.rounded(.down)
    case .ceil: rounded = place.rounded(.up)
    case .simple: rounded = scale < 1 ? place.rounded(.up) : place.rounded(.down)
    }
    return Int(rounded)
  }

  // MARK: Use

  /// Resizes one axis of `[outer, inputs, inner]`, row-major float32.
  ///
  /// - Parameter outside: what stands for places outside the region.
  func apply(
    _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, outer: Int,
    inner: Int, outside: Float, on context: ComputeContext
  ) {
    context.forEachRange(of: outer * outputs, width: inner * taps) { range in
      for row in range {
        let output = row % outputs
        let from = source + row / outputs * inputs * inner
        let into = target + row * inner
        if !isOutside.isEmpty, isOutside[output] {
          into.update(repeating: outside, count: inner)
          continue
        }
        let first = output * taps
        let start = from + index[first] * inner
        if taps == 1 {
          into.update(from: start, count: inner)
          continue
        }
        let factor = weight[first]
        for place in 0..<inner { into[place] = factor * start[place] }
        for tap in first + 1..<first + taps where weight[tap] != 0 {
          let other = from + index[tap] * inner
          let factor = weight[tap]
          for place in 0..<inner { into[place] += factor * other[place] }
        }
      }
    }
  }
}
