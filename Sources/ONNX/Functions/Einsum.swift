import TensorCore

/// Einstein's notation: which axes of operands and result go together.
struct EinsumEquation: Sendable {
  /// An axis: a letter, or one of those that an ellipsis stands for, counted from the last.
  enum Label: Hashable, Sendable {
    case letter(Character)
    case ellipsis(Int)
  }

  /// For each operand its terms; nil stands for an ellipsis.
  private let terms: [[Character?]]
  /// nil where the equation names no result.
  private let result: [Character?]?

  /// - Throws: `ONNXError.invalid` for what is no equation.
  init(_ text: String) throws {
    let sides = Self.pieces(of: text.filter { $0 != " " }, at: "->")
    guard sides.count <= 2 else { throw ONNXError.invalid("equation '\(text)' has two arrows") }
    terms = try sides[0].split(separator: ",", omittingEmptySubsequences: false)
      .map { try Self.parsed(String($0)) }
    result = try sides.count == 2 ? Self.parsed(sides[1]) : nil
    let known = Set(terms.joined())
    if let result, Set(result).count != result.count || !Set(result).isSubset(of: known) {
      throw ONNXError.invalid("equation '\(text)': its result has a label twice or a new one")
    }
  }

  private static func pieces(of text: String, at arrow: String) -> [String] {
    var (pieces, rest) = ([String](), Substring(text))
    while let place = rest.firstRange(of: arrow) {
      pieces.append(String(rest[..<place.lowerBound]))
      rest = rest[place.upperBound...]
    }
    return pieces + [String(rest)]
  }

  private static func parsed(_ text: String) throws -> [Character?] {
    var (labels, rest) = ([Character?](), Substring(text))
    while let first = rest.first {
      if rest.hasPrefix("..."), !labels.contains(nil) {
        labels.append(nil)
        rest = rest.dropFirst(3)
      } else if first.isLetter {
        labels.append(first)
        rest = rest.dropFirst()
      } else {
        throw ONNXError.invalid("equation term '\(text)'")
      }
    }
    return labels
  }

  /// The labels of every operand's axes, and of the result's.
  ///
  /// - Throws: `ONNXError.invalid` where an operand has other axes.
  func labels(for shapes: [Shape]) throws -> (operands: [[Label]], result: [Label]) {
    guard shapes.count == terms.count else {
      throw ONNXError.invalid("\(shapes.count) operands for \(terms.count) terms")
    }
    var widest = 0
    let operands = try zip(terms, shapes).map { term, shape in
      let hidden = shape.rank - term.count { $0 != nil }
      guard hidden >= 0, hidden == 0 || term.contains(nil) else {
        throw ONNXError.invalid("shape \(shape) for a term of \(term.count) labels")
      }
      widest = max(widest, hidden)
      return Self.spread(term, hidden: hidden)
    }
    if let result { return (operands, Self.spread(result, hidden: widest)) }
    let letters = terms.joined().compactMap { $0 }
    let single = Set(letters).filter { letter in letters.count { $0 == letter } == 1 }
    return (operands, Self.spread([nil] + single.sorted().map { $0 }, hidden: widest))
  }

  private static func spread(_ term: [Character?], hidden: Int) -> [Label] {
    term.flatMap { label in
      label.map { [.letter($0)] } ?? (0..<hidden).reversed().map { Label.ellipsis($0) }
    }
  }
}

/// A tensor whose axes have labels, each once.
private struct LabelledTensor {
  var tensor: Tensor
  var labels: [EinsumEquation.Label]

  /// A label that comes twice is the diagonal of its axes.
  ///
  /// - Throws: `ONNXError.invalid` where such axes differ in size.
  init(_ tensor: Tensor, _ labels: [EinsumEquation.Label]) throws {
    var (axes, strides, kept) = ([Int](), [Int](), [EinsumEquation.Label]())
    for (axis, label) in labels.enumerated() {
      if let first = kept.firstIndex(of: label) {
        guard axes[first] == tensor.shape[axis] else {
          throw ONNXError.invalid("a diagonal of \(tensor.shape), which is not square")
        }
        strides[first] += tensor.strides[axis]
      } else {
        axes.append(tensor.shape[axis])
        strides.append(tensor.strides[axis])
        kept.append(label)
      }
    }
    self.tensor = Tensor(
      storage: tensor.storage, dtype: tensor.dtype, shape: Shape(axes), strides: strides,
      byteOffset: tensor.byteOffset)
    self.labels = kept
  }

  func size(of label: EinsumEquation.Label) -> Int? {
    labels.firstIndex(of: label).map { tensor.shape[$0] }
  }

  /// Sums over the axes whose labels nobody else has.
  mutating func sum(allBut kept: Set<EinsumEquation.Label>, on context: OperatorContext) throws {
    let axes = labels.indices.filter { !kept.contains(labels[$0]) }
    if axes.isEmpty { return }
    tensor = try reduced(tensor, axes: axes, keepsAxes: false, by: .sum, on: context)
    labels = labels.filter(kept.contains)
  }

  /// The axes in groups, each group joined to one axis.
  func grouped(
    _ groups: [[EinsumEquation.Label]], sizes: [EinsumEquation.Label: Int],
    on context: OperatorContext
  ) throws -> Tensor {
    let order = groups.joined().compactMap { labels.firstIndex(of: $0) }
    let wanted = try Shape(validating: groups.joined().map { sizes[$0] ?? 1 })
    let view = tensor.permuted(order).expanded(to: wanted)
    return try view.reshaped(
      groups.map { $0.reduce(1) { $0 * (sizes[$1] ?? 1) } }, on: context)
  }
}

/// Products of operands, summed over the labels that the result lacks; pair by pair from the left.
///
/// - Throws: `ONNXError.invalid` where the operands do not fit the equation or differ in type.
func einsum(
  _ equation: EinsumEquation, _ operands: [Tensor], on context: OperatorContext
) throws -> Tensor {
  let (labels, wanted) = try equation.labels(for: operands.map(\.shape))
  for operand in operands { try requireSameType(operands[0], operand) }
  var rest = try zip(operands, labels).map { try LabelledTensor($0, $1) }
  var result = rest.removeFirst()
  let later = rest.map { Set($0.labels) }
  try result.sum(allBut: later.reduce(Set(wanted)) { $0.union($1) }, on: context)
  for (index, next) in rest.enumerated() {
    let needed = later[(index + 1)...].reduce(Set(wanted)) { $0.union($1) }
    result = try contracted(result, next, keeping: needed, on: context)
  }
  var sizes: [EinsumEquation.Label: Int] = [:]
  for (axis, label) in result.labels.enumerated() { sizes[label] = result.tensor.shape[axis] }
  let groups = wanted.filter { sizes[$0] != nil }.map { [$0] }
  // An ellipsis of no operand leaves nothing behind.
  return try result.grouped(groups, sizes: sizes, on: context)
}

/// The product of two operands, summed over labels that are not needed any more.
private func contracted(
  _ a: LabelledTensor, _ b: LabelledTensor, keeping needed: Set<EinsumEquation.Label>,
  on context: OperatorContext
) throws -> LabelledTensor {
  var (a, b) = (a, b)
  try a.sum(allBut: needed.union(b.labels), on: context)
  try b.sum(allBut: needed.union(a.labels), on: context)
  var sizes: [EinsumEquation.Label: Int] = [:]
  for label in a.labels + b.labels {
    let (first, second) = (a.size(of: label) ?? 1, b.size(of: label) ?? 1)
    guard first == second || first == 1 || second == 1 else {
      throw ONNXError.invalid("one label stands for sizes \(first) and \(second)")
    }
    sizes[label] = first == 1 ? second : first
  }
  let shared = a.labels.filter(b.labels.contains)
  let (batch, summed) = (shared.filter(needed.contains), shared.filter { !needed.contains($0) })
  let left = a.labels.filter { !shared.contains($0) }
  let right = b.labels.filter { !shared.contains($0) }
  let product = try MatrixOperation.product(
    a.grouped([batch, left, summed], sizes: sizes, on: context),
    b.grouped([batch, summed, right], sizes: sizes, on: context), like: a.tensor, context)
  let labels = batch + left + right
  return try LabelledTensor(
    product.reshaped(labels.map { sizes[$0] ?? 1 }, on: context), labels)
}
