import TensorCore

/// Names, calls and persistent ids: the only ones are those that make tensors.
extension PickleMachine {
  /// The allowed name that an instruction mentions.
  ///
  /// - Throws: `CheckpointError.forbiddenGlobal` for any other.
  mutating func global(_ opcode: PickleOpcode) throws -> PickleGlobal {
    let module: PickleSpan
    let name: PickleSpan
    if opcode == .global {
      module = try line()
      name = try line()
    } else {
      guard case .text(let second) = try pop(), case .text(let first) = try pop() else {
        throw malformed("a module and a name", "other values")
      }
      (module, name) = (first, second)
    }
    guard let moduleText = text(module), let nameText = text(name),
      let global = PickleGlobal(module: moduleText, name: nameText)
    else { throw CheckpointError.forbiddenGlobal(path: path, name: shownName(module, name)) }
    return global
  }

  /// A dotted name as it may appear in a message: printable, and not longer than a line.
  func shownName(_ module: PickleSpan, _ name: PickleSpan) -> String {
    let parts = [module, name].map { span in
      String(decoding: bytes(of: span).prefix(100), as: UTF8.self)
    }
    return String(
      parts.joined(separator: ".").unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control ? "?" : Character(scalar)
      })
  }

  /// Calls the function below the arguments on the stack and leaves its result there.
  ///
  /// - Parameter asClass: the instruction makes an object of a class (NEWOBJ).
  mutating func call(asClass: Bool) throws {
    guard case .tuple(let tuple) = try pop(), tuple.count <= 8 else {
      throw malformed("a tuple of at most 8 arguments", "another value")
    }
    guard case .global(let function) = try pop(),
      !asClass || function == .orderedDict || function == .size
    else { throw malformed("a function or class to call", "another value") }
    let arguments = heap[tuple]
    switch function {
    case .orderedDict:
      guard arguments.isEmpty else {
        throw malformed("collections.OrderedDict without arguments", "\(arguments.count)")
      }
      push(try heap.makeDict())
    case .size:
      guard arguments.count == 1, case .tuple? = arguments.first else {
        throw malformed("torch.Size of a tuple", "other arguments")
      }
      push(arguments[arguments.startIndex])
    case .device: push(.device)
    case .rebuildTensor: push(try rebuiltTensor(Array(arguments), count: 6...7, typed: false))
    case .rebuildTensorWithType:
      push(try rebuiltTensor(Array(arguments), count: 7...8, typed: true))
    case .rebuildParameter: push(try rebuiltParameter(arguments, count: 3))
    case .rebuildParameterWithState: push(try rebuiltParameter(arguments, count: 4))
    case .storage, .untypedStorage, .type:
      throw malformed("a function to call", "a storage class or an element type")
    }
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`; `v3`
  /// has the type before the metadata.
  private mutating func rebuiltTensor(
    _ arguments: [PickleValue], count: ClosedRange<Int>, typed: Bool
  ) throws -> PickleValue {
    guard count.contains(arguments.count), case .storage(let storage) = arguments[0],
      case .int(let offset) = arguments[1], case .tuple(let shape) = arguments[2],
      case .tuple(let strides) = arguments[3]
    else { throw malformed("a storage, offset, size and stride of a tensor", "other arguments") }
    var type = heap.storages[storage].type
    if typed {
      guard case .global(.type(let stated)) = arguments[6] else {
        throw malformed("the element type of a tensor", arguments[6].kind)
      }
      type = stated
    }
    if arguments.count == count.upperBound { try requirePlain(arguments[count.upperBound - 1]) }
    return try heap.makeTensor(
      PickleTensor(storage: storage, type: type, offset: offset, shape: shape, strides: strides))
  }

  /// Refuses views that stand for other values than those stored: negated or conjugated ones,
  /// which PyTorch marks by flags.
  private func requirePlain(_ metadata: PickleValue) throws {
    var isPlain = false
    switch metadata {
    case .none: isPlain = true
    case .dict(let dict):
      isPlain = heap.dicts[dict].values.allSatisfy { value in
        if case .bool(false) = value { true } else { false }
      }
    default: break
    }
    guard isPlain else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "a negated or conjugated view of a tensor",
        advice: "save a resolve_neg().resolve_conj() of it")
    }
  }

  /// `_rebuild_parameter(data, requires_grad, hooks)`: the tensor itself. Attributes in a state
  /// are left out.
  private func rebuiltParameter(
    _ arguments: ArraySlice<PickleValue>, count: Int
  ) throws -> PickleValue {
    guard arguments.count == count, let tensor = arguments.first, case .tensor = tensor else {
      throw malformed("a tensor and two flags of a parameter", "other arguments")
    }
    return tensor
  }

  /// Attributes of an OrderedDict, such as a state dict's `_metadata`, say nothing about tensors.
  mutating func build() throws {
    _ = try pop()
    guard case .dict = try top() else {
      throw malformed("an OrderedDict to give attributes to", try top().kind)
    }
  }

  /// The storage of a persistent id: `("storage", class, key, device, element count)`.
  mutating func storage(_ id: PickleValue) throws -> PickleValue {
    guard case .tuple(let tuple) = id, tuple.count == 5 else {
      throw malformed("a persistent id of five parts", id.kind)
    }
    let parts = Array(heap[tuple])
    guard case .text(let kind) = parts[0], bytes(of: kind).elementsEqual("storage".utf8),
      case .global(let storageClass) = parts[1], case .text(let key) = parts[2],
      case .text = parts[3], case .int(let count) = parts[4], count >= 0
    else { throw malformed("the persistent id of a storage", "another") }
    switch storageClass {
    case .storage(let type):
      return try heap.makeStorage(PickleStorage(key: key, type: type, elementCount: count))
    case .untypedStorage:
      return try heap.makeStorage(PickleStorage(key: key, type: .uint8, elementCount: count))
    default: throw malformed("a storage class in a persistent id", "another name")
    }
  }
}
