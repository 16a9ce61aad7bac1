import TensorCore

/// A tensor of a PyTorch file as a checked view of a storage's bytes.
struct StoredView: Sendable {
  let entry: ZipArchive.Entry
  let dtype: DType
  let shape: Shape

  /// Elements between neighbours; 1 for axes that have none, whatever the file says.
  let strides: [Int]

  /// Bytes from the storage's start to the first element.
  let byteOffset: Int

  /// Bytes from the first element's start to the last one's end.
  let byteExtent: Int

  /// More axes than PyTorch itself allows.
  private static let mostAxes = 64

  /// Views that repeat elements (expanded ones) are copied; larger copies are refused, since a
  /// few bytes could claim all memory.
  private static let largestExpansion = 32 << 20

  /// Checks a tensor against its storage and the storage against the archive.
  ///
  /// - Throws: `CheckpointError.malformed`, `.unsupported`.
  init(
    _ tensor: PickleTensor, dtype: DType, name: String, machine: PickleMachine,
    layout: PyTorchLayout
  ) throws {
    let path = machine.path
    func damaged(_ expected: String, _ found: String) -> CheckpointError {
      .malformed(path: path, tensor: name, expected: expected, found: found)
    }
    let storage = machine.heap.storages[tensor.storage]
    guard let key = machine.text(storage.key), let entry = layout.data(key) else {
      throw damaged(
        "an entry data/\(String(decoding: machine.bytes(of: storage.key).prefix(40), as: UTF8.self))"
          + " of the archive", "none")
    }
    guard entry.byteCount / storage.type.byteCount == storage.elementCount else {
      throw damaged(
        "\(storage.elementCount) elements of \(storage.type) in entry '\(entry.name)'",
        "\(entry.byteCount) bytes")
    }
    guard let axes = Self.integers(machine.heap[tensor.shape]),
      let stated = Self.integers(machine.heap[tensor.strides]), axes.count == stated.count,
      axes.count <= Self.mostAxes, let shape = Self.shape(axes, dtype: dtype)
    else { throw damaged("a possible size and a stride for each of its axes", "others") }
    self.entry = entry
    self.dtype = dtype
    self.shape = shape
    strides = zip(axes, stated).map { $0 > 1 ? $1 : 1 }
    guard shape.count > 0 else {
      (byteOffset, byteExtent) = (0, 0)
      return
    }
    let size = dtype.byteCount
    guard let last = Self.lastElement(axes, strides), tensor.offset >= 0,
      tensor.offset < entry.byteCount / size, last < entry.byteCount / size - tensor.offset
    else {
      throw damaged(
        "elements inside the \(entry.byteCount) bytes of entry '\(entry.name)'",
        "size \(axes), stride \(stated), offset \(tensor.offset)")
    }
    byteOffset = tensor.offset * size
    byteExtent = (last + 1) * size
    guard shape.count * size <= max(byteExtent, Self.largestExpansion) else {
      throw CheckpointError.unsupported(
        path: path, tensor: name, found: "a view that repeats elements to \(shape.count)",
        advice: "save a clone() of the tensor")
    }
  }

  private static func integers(_ values: ArraySlice<PickleValue>) -> [Int]? {
    guard values.count <= mostAxes else { return nil }
    var result: [Int] = []
    for value in values {
      guard case .int(let number) = value else { return nil }
      result.append(number)
    }
    return result
  }

  /// A shape whose bytes, and those of every part of it, can be counted.
  private static func shape(_ axes: [Int], dtype: DType) -> Shape? {
    var byteCount = dtype.byteCount
    for axis in axes where axis != 0 {
      guard axis > 0 else { return nil }
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: axis)
      guard !overflow else { return nil }
      byteCount = product
    }
    return Shape(axes)
  }

  /// Elements from the first to the one farthest from it; nil where strides are negative or the
  /// sum overflows.
  private static func lastElement(_ axes: [Int], _ strides: [Int]) -> Int? {
    var last = 0
    for (axis, stride) in zip(axes, strides) {
      let (step, tooFar) = stride.multipliedReportingOverflow(by: axis - 1)
      let (sum, overflow) = last.addingReportingOverflow(step)
      guard stride >= 0, !tooFar, !overflow else { return nil }
      last = sum
    }
    return last
  }
}
