/// Puts together the pickle of a dict of tensors, as `torch.save` does for a state dict.
package struct PickleWriter {
  package private(set) var bytes: [UInt8] = []

  /// Begins a dict, in protocol 2.
  package init() {
    put(.proto)
    bytes.append(2)
    put(.emptyDict)
    put(.mark)
  }

  /// Adds a tensor whose elements are those of storage `data/<key>`, row-major.
  package mutating func add(_ entry: TensorEntry, key: Int) {
    let type = TorchType(entry.dtype)
    put(entry.name)
    // Types younger than storage classes lie in untyped storages, counted in bytes.
    put(
      module: "torch._utils", type.storageClass == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2"
    )
    put(.mark)
    put(.mark)
    put("storage")
    if let storageClass = type.storageClass {
      put(module: "torch", storageClass)
    } else {
      put(module: "torch.storage", "UntypedStorage")
    }
    put("\(key)")
    put("cpu")
    put(type.storageClass == nil ? entry.byteCount : entry.shape.count)
    put(.tuple)
    put(.binPersistentID)
    put(0)
    put(entry.shape.axes)
    put(entry.shape.rowMajorStrides)
    put(.newFalse)
    put(module: "collections", "OrderedDict")
    put(.emptyTuple)
    put(.reduce)
    if type.storageClass == nil { put(module: "torch", type.rawValue) }
    put(.tuple)
    put(.reduce)
  }

  /// Ends the dict and the pickle.
  package mutating func finish() {
    put(.setItems)
    put(.stop)
  }

  private mutating func put(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  private mutating func put(module: String, _ name: String) {
    put(.global)
    bytes += Array("\(module)\n\(name)\n".utf8)
  }

  private mutating func put(_ text: String) {
    put(.binUnicode)
    bytes.append(littleEndian: UInt32(text.utf8.count))
    bytes += Array(text.utf8)
  }

  private mutating func put(_ number: Int) {
    if let byte = UInt8(exactly: number) {
      put(.binInt1)
      bytes.append(byte)
    } else if let word = Int32(exactly: number) {
      put(.binInt)
      bytes.append(littleEndian: word)
    } else {
      put(.long1)
      bytes.append(8)
      bytes.append(littleEndian: Int64(number))
    }
  }

  private mutating func put(_ numbers: [Int]) {
    put(.mark)
    for number in numbers { put(number) }
    put(.tuple)
  }
}

extension [UInt8] {
  /// Appends an integer, its lowest byte first.
  package mutating func append<Word: FixedWidthInteger>(littleEndian value: Word) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
