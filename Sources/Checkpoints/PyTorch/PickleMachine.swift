import TensorCore

/// Reads a pickle that holds tensors, and nothing that would run code.
///
/// It knows the instructions in `PickleOpcode` and the names in `PickleGlobal`; any other name is
/// refused when it is mentioned. Time is linear in the pickle's length and memory is bounded
/// (`PickleHeap.capacity`), whatever the bytes say.
struct PickleMachine {
  let path: String
  var heap = PickleHeap()

  private let bytes: LittleEndianBytes
  private var place = 0
  private var stack: [PickleValue] = []
  /// Depths of the stack at its marks.
  private var marks: [Int] = []
  private var memo: [PickleValue?] = []

  /// Python's pickler keeps at most a thousand items of a container on its stack at a time.
  private static let deepestStack = 1 << 18

  /// Longest pickle that is read; one has about 300 bytes for a tensor.
  static let longestPickle = 32 << 20

  /// - Parameters:
  ///   - bytes: the pickle; it must stay valid while the machine is used.
  ///   - path: the file, for messages.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    guard bytes.count <= Self.longestPickle else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "a pickle of \(bytes.count) bytes",
        advice: "save the tensors alone")
    }
    self.bytes = LittleEndianBytes(bytes: bytes)
    self.path = path
  }

  /// Runs the pickle and returns the object that it holds.
  ///
  /// - Throws: `CheckpointError.malformed`, `.unsupported`, `.forbiddenGlobal`.
  mutating func run() throws -> PickleValue {
    do {
      while true {
        let code = try byte()
        guard let opcode = PickleOpcode(rawValue: code) else { throw try unknown(code) }
        if opcode == .stop { return try pop() }
        try execute(opcode)
        guard stack.count <= Self.deepestStack, marks.count <= Self.deepestStack else {
          throw PickleHeap.Exhausted()
        }
      }
    } catch is PickleHeap.Exhausted {
      throw CheckpointError.unsupported(
        path: path, tensor: nil,
        found: "a pickle that claims more than \(PickleHeap.capacity >> 20) MiB of objects",
        advice: "save the tensors alone, without optimizer state or other data")
    }
  }

  // MARK: Instructions

  private mutating func execute(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .proto: try checkProtocol()
    case .frame: try skipFrameHeader()
    case .stop: break
    case .none, .newTrue, .newFalse, .binInt, .binInt1, .binInt2, .long1, .long4, .binFloat:
      stack.append(try number(opcode))
    case .shortBinString, .binString, .shortBinUnicode, .binUnicode, .binUnicode8:
      stack.append(.text(try span(opcode)))
    case .shortBinBytes, .binBytes, .binBytes8:
      stack.append(.data(count: try span(opcode).count))
    case .mark: marks.append(stack.count)
    case .pop: try popAnything()
    case .popMark: _ = try popToMark()
    case .dup: stack.append(try top())
    case .emptyTuple, .tuple, .tuple1, .tuple2, .tuple3, .frozenSet: try makeTuple(opcode)
    case .emptyList, .emptySet: stack.append(try heap.makeList())
    case .emptyDict: stack.append(try heap.makeDict())
    case .append, .appends, .addItems: try appendItems(opcode)
    case .setItem, .setItems: try setItems(opcode)
    case .binGet, .longBinGet: stack.append(try remembered(opcode))
    case .binPut, .longBinPut, .memoize: try remember(opcode)
    case .global, .stackGlobal: stack.append(.global(try global(opcode)))
    case .reduce, .newObject: try call(asClass: opcode == .newObject)
    case .build: try build()
    case .binPersistentID: stack.append(try storage(try pop()))
    }
  }

  /// Protocol 5 differs from 4 by instructions that tensors do not need.
  private mutating func checkProtocol() throws {
    let version = try byte()
    guard (2...5).contains(version) else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "pickle protocol \(version)",
        advice: "save the file again with torch.save's defaults")
    }
  }

  private mutating func skipFrameHeader() throws {
    let count = try integer(UInt64.self)
    guard count <= UInt64(bytes.count - place) else {
      throw malformed("a frame inside the pickle", "one of \(count) bytes")
    }
  }

  private mutating func number(_ opcode: PickleOpcode) throws -> PickleValue {
    switch opcode {
    case .newTrue: return .bool(true)
    case .newFalse: return .bool(false)
    case .binInt: return .int(Int(try integer(Int32.self)))
    case .binInt1: return .int(Int(try byte()))
    case .binInt2: return .int(Int(try integer(UInt16.self)))
    case .long1: return try long(byteCount: Int(try byte()))
    case .long4: return try long(byteCount: Int(try integer(Int32.self)))
    case .binFloat: return .float(Double(bitPattern: try integer(UInt64.self).byteSwapped))
    default: return .none
    }
  }

  /// A two's complement integer of any length.
  private mutating func long(byteCount: Int) throws -> PickleValue {
    guard let digits = bytes.range(at: place, count: byteCount) else {
      throw malformed("an integer inside the pickle", "one of \(byteCount) bytes")
    }
    place += byteCount
    guard let last = digits.last else { return .int(0) }
    let sign: UInt8 = last & 0x80 == 0 ? 0 : 0xFF
    guard digits.count <= 8 || digits[8...].allSatisfy({ $0 == sign }),
      digits.count <= 8 || (digits[7] ^ sign) & 0x80 == 0
    else { return .bigInteger }
    var value = sign == 0 ? UInt64(0) : UInt64.max
    for index in 0..<min(8, digits.count) {
      value &= ~(0xFF << (8 * UInt64(index)))
      value |= UInt64(digits[index]) << (8 * UInt64(index))
    }
    return .int(Int(bitPattern: UInt(value)))
  }

  /// A counted run of bytes.
  private mutating func span(_ opcode: PickleOpcode) throws -> PickleSpan {
    let count: UInt64 =
      switch opcode {
      case .shortBinString, .shortBinUnicode, .shortBinBytes: UInt64(try byte())
      case .binUnicode8, .binBytes8: try integer(UInt64.self)
      default: UInt64(try integer(UInt32.self))
      }
    guard count <= UInt64(bytes.count - place) else {
      throw malformed("a string inside the pickle", "one of \(count) bytes")
    }
    let span = PickleSpan(start: UInt32(place), count: UInt32(count))
    place += Int(count)
    return span
  }

  // MARK: Containers

  private mutating func makeTuple(_ opcode: PickleOpcode) throws {
    let items: ArraySlice<PickleValue>
    switch opcode {
    case .emptyTuple: items = []
    case .tuple1: items = try pop(1)
    case .tuple2: items = try pop(2)
    case .tuple3: items = try pop(3)
    default: items = try popToMark()
    }
    stack.append(try heap.makeTuple(items))
  }

  private mutating func appendItems(_ opcode: PickleOpcode) throws {
    let items = opcode == .append ? try pop(1) : try popToMark()
    guard case .list(let list) = try top() else {
      throw malformed("a list to append to", try top().kind)
    }
    try heap.append(items, toList: list)
  }

  private mutating func setItems(_ opcode: PickleOpcode) throws {
    let items = opcode == .setItem ? try pop(2) : try popToMark()
    guard case .dict(let dict) = try top() else {
      throw malformed("a dict to set items of", try top().kind)
    }
    guard items.count.isMultiple(of: 2) else {
      throw malformed("keys with values", "a key without one")
    }
    for key in stride(from: items.startIndex, to: items.endIndex, by: 2) {
      try heap.set(items[key + 1], for: items[key], inDict: dict)
    }
  }

  // MARK: Memo

  private mutating func remembered(_ opcode: PickleOpcode) throws -> PickleValue {
    let index = opcode == .binGet ? Int(try byte()) : Int(try integer(UInt32.self))
    guard index < memo.count, let value = memo[index] else {
      throw malformed("an object numbered \(index)", "none")
    }
    return value
  }

  private mutating func remember(_ opcode: PickleOpcode) throws {
    let index =
      switch opcode {
      case .binPut: Int(try byte())
      case .longBinPut: Int(try integer(UInt32.self))
      default: memo.count
      }
    if index >= memo.count {
      let missing = index + 1 - memo.count
      try heap.claim(values: missing)
      memo.append(contentsOf: repeatElement(nil, count: missing))
    }
    memo[index] = try top()
  }

  // MARK: Stack

  /// Values above the last mark.
  private var available: Int { stack.count - (marks.last ?? 0) }

  func top() throws -> PickleValue {
    guard available > 0, let value = stack.last else {
      throw malformed("a value on the pickle's stack", "none")
    }
    return value
  }

  mutating func pop() throws -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  mutating func push(_ value: PickleValue) { stack.append(value) }

  private mutating func pop(_ count: Int) throws -> ArraySlice<PickleValue> {
    guard available >= count else {
      throw malformed("\(count) values on the pickle's stack", "\(available)")
    }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values[...]
  }

  private mutating func popToMark() throws -> ArraySlice<PickleValue> {
    guard let mark = marks.popLast() else {
      throw malformed("a mark on the pickle's stack", "none")
    }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values[...]
  }

  /// POP takes a mark away where one lies on top.
  private mutating func popAnything() throws {
    if let mark = marks.last, mark == stack.count {
      marks.removeLast()
    } else {
      _ = try pop()
    }
  }

  // MARK: Bytes

  private mutating func byte() throws -> UInt8 { try integer(UInt8.self) }

  private mutating func integer<Word: FixedWidthInteger>(_ type: Word.Type) throws -> Word {
    guard let value = bytes.integer(type, at: place) else {
      throw malformed("more of the pickle", "its end at byte \(place)")
    }
    place += MemoryLayout<Word>.size
    return value
  }

  /// The bytes up to a line's end, which is skipped.
  mutating func line() throws -> PickleSpan {
    let start = place
    while try byte() != 0x0A {}
    return PickleSpan(start: UInt32(start), count: UInt32(place - 1 - start))
  }

  /// A string of the pickle.
  func bytes(of span: PickleSpan) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      rebasing: bytes.bytes[Int(span.start)..<(Int(span.start) + Int(span.count))])
  }

  /// A string of the pickle; nil where it is not UTF-8.
  func text(_ span: PickleSpan) -> String? {
    String(validating: bytes(of: span), as: UTF8.self)
  }

  // MARK: Errors

  func malformed(_ expected: String, _ found: String) -> CheckpointError {
    .malformed(
      path: path, tensor: nil, expected: "\(expected) (byte \(place) of data.pkl)",
      found: found)
  }

  /// An unknown instruction; an instance of protocol 0 names its class.
  private mutating func unknown(_ code: UInt8) throws -> CheckpointError {
    if code == UInt8(ascii: "i") {
      return .forbiddenGlobal(path: path, name: shownName(try line(), try line()))
    }
    return .unsupported(
      path: path, tensor: nil,
      found: "pickle instruction 0x\(String(code, radix: 16)) at byte \(place - 1) of data.pkl",
      advice: "tensors need none such; save the file again with torch.save's defaults")
  }
}
