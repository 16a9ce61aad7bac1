/// A place in the pickle's bytes.
struct PickleSpan: Equatable {
  var start: UInt32
  var count: UInt32
}

/// A run of values in the heap's pool.
struct PickleTuple: Equatable {
  var start: UInt32
  var count: UInt32
}

/// What the pickle machine's stack, memo and containers hold.
///
/// Containers, storages and tensors are indices into the `PickleHeap`, so that values are small,
/// shared ones are shared, and no depth of nesting or cycle makes anything recur.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer beyond 64 bits, which no tensor needs.
  case bigInteger
  case float(Double)
  case text(PickleSpan)
  case data(count: UInt32)
  case tuple(PickleTuple)
  case list(Int)
  case dict(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)
  case device

  /// What it is in Python, for messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .int, .bigInteger: "int"
    case .float: "float"
    case .text: "str"
    case .data: "bytes"
    case .tuple: "tuple"
    case .list: "list"
    case .dict: "dict"
    case .global: "a class or function"
    case .storage: "storage"
    case .tensor: "tensor"
    case .device: "torch.device"
    }
  }
}

/// A dict's items in the order they were set.
struct PickleDict {
  var keys: [PickleValue] = []
  var values: [PickleValue] = []
}

/// A storage that a persistent id names: `data/<key>` of the archive.
struct PickleStorage {
  let key: PickleSpan
  /// Element type of its class; bytes for an untyped one.
  let type: TorchType
  let elementCount: Int
}

/// A tensor as `_rebuild_tensor_v2` was told to make it; nothing is checked but the kinds.
struct PickleTensor {
  let storage: Int
  let type: TorchType
  /// Elements from the storage's start to the first one.
  let offset: Int
  let shape: PickleTuple
  let strides: PickleTuple
}

/// Everything that a pickle made, within a bound on memory.
struct PickleHeap {
  private(set) var pool: [PickleValue] = []
  private(set) var lists: [[PickleValue]] = []
  private(set) var dicts: [PickleDict] = []
  private(set) var storages: [PickleStorage] = []
  private(set) var tensors: [PickleTensor] = []

  /// Bytes that may still be claimed.
  private var budget = PickleHeap.capacity

  /// Bound on the values of one pickle, in bytes. A tensor takes about 700, so that this is
  /// enough for 60,000 of them.
  static let capacity = 40 << 20

  /// Thrown where a pickle claims more.
  struct Exhausted: Error {}

  private static let valueSize = MemoryLayout<PickleValue>.stride

  /// Accounts for memory about to be used.
  mutating func claim(values count: Int) throws(Exhausted) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: Self.valueSize)
    guard !overflow, bytes <= budget else { throw Exhausted() }
    budget -= bytes
  }

  /// Allocations of arrays count for four values each.
  private static let arrayOverhead = 4

  mutating func makeTuple(_ values: ArraySlice<PickleValue>) throws(Exhausted) -> PickleValue {
    try claim(values: values.count)
    let start = pool.count
    pool.append(contentsOf: values)
    return .tuple(PickleTuple(start: UInt32(start), count: UInt32(values.count)))
  }

  mutating func makeList() throws(Exhausted) -> PickleValue {
    try claim(values: Self.arrayOverhead)
    lists.append([])
    return .list(lists.count - 1)
  }

  mutating func makeDict() throws(Exhausted) -> PickleValue {
    try claim(values: Self.arrayOverhead)
    dicts.append(PickleDict())
    return .dict(dicts.count - 1)
  }

  mutating func makeStorage(_ storage: PickleStorage) throws(Exhausted) -> PickleValue {
    try claim(values: MemoryLayout<PickleStorage>.stride / Self.valueSize + 1)
    storages.append(storage)
    return .storage(storages.count - 1)
  }

  mutating func makeTensor(_ tensor: PickleTensor) throws(Exhausted) -> PickleValue {
    try claim(values: MemoryLayout<PickleTensor>.stride / Self.valueSize + 1)
    tensors.append(tensor)
    return .tensor(tensors.count - 1)
  }

  mutating func append(_ values: ArraySlice<PickleValue>, toList list: Int) throws(Exhausted) {
    // The first elements of an array bring an allocation with them.
    try claim(values: values.count + (lists[list].isEmpty ? Self.arrayOverhead : 0))
    lists[list].append(contentsOf: values)
  }

  mutating func set(
    _ value: PickleValue, for key: PickleValue, inDict dict: Int
  ) throws(Exhausted) {
    try claim(values: 2 + (dicts[dict].keys.isEmpty ? 2 * Self.arrayOverhead : 0))
    dicts[dict].keys.append(key)
    dicts[dict].values.append(value)
  }

  /// A tuple's values.
  subscript(tuple: PickleTuple) -> ArraySlice<PickleValue> {
    pool[Int(tuple.start)..<(Int(tuple.start) + Int(tuple.count))]
  }
}
