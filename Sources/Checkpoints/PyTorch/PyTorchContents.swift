import TensorCore

/// The tensors in what a pickle made, by dotted names, and a description of everything else.
///
/// A dict under "state_dict" or "model" stands for the whole file, as training scripts save it;
/// "module.", which DataParallel puts before every name, is left out.
struct PyTorchContents {
  private(set) var tensors: [(name: String, tensor: PickleTensor)] = []

  /// Other entries: numbers and strings as they are, the rest by what it is.
  private(set) var metadata: [String: String] = [:]

  private let machine: PickleMachine

  /// Containers within containers.
  private static let deepestNesting = 64

  /// Bounds on a hostile pickle, which can name the same dict in many places.
  private static let mostItems = 1 << 16
  private static let longestNames = 8 << 20
  private static let mostMetadata = 1024

  private static let wrappers = ["state_dict", "model"]
  private static let replicaPrefix = "module."

  private var itemCount = 0
  private var nameByteCount = 0

  /// - Parameter machine: the machine after its run, whose result was `root`.
  /// - Throws: `CheckpointError`.
  init(_ root: PickleValue, of machine: PickleMachine) throws {
    self.machine = machine
    switch root {
    case .tensor(let tensor): tensors = [("tensor", machine.heap.tensors[tensor])]
    case .dict, .list, .tuple: try collect(from: try unwrapped(root))
    default:
      throw CheckpointError.unsupported(
        path: machine.path, tensor: nil, found: "a file that holds a \(root.kind), no tensors",
        advice: "name a file of model weights")
    }
    stripReplicaPrefix()
  }

  // MARK: Wrappers

  /// The dict of tensors inside the dicts that training scripts put around it; what lies beside
  /// it goes to the metadata.
  private mutating func unwrapped(_ root: PickleValue) throws -> PickleValue {
    var value = root
    // A cycle of wrappers ends here too.
    for _ in 0..<Self.wrappers.count {
      guard let inner = wrapped(in: value), case .dict(let dict) = value else { return value }
      let items = machine.heap.dicts[dict]
      for (key, sibling) in zip(items.keys, items.values) {
        guard let name = text(of: key), !Self.wrappers.contains(name) else { continue }
        describe(sibling, name: name)
      }
      value = inner
    }
    return value
  }

  /// The value under a wrapper's key, where it can hold tensors and no tensor lies beside it.
  private func wrapped(in value: PickleValue) -> PickleValue? {
    guard case .dict(let dict) = value else { return nil }
    let items = machine.heap.dicts[dict]
    let holdsTensors = items.values.contains { if case .tensor = $0 { true } else { false } }
    guard !holdsTensors else { return nil }
    for wrapper in Self.wrappers {
      for (key, inner) in zip(items.keys, items.values) {
        guard case .text(let span) = key, case .dict = inner,
          machine.bytes(of: span).elementsEqual(wrapper.utf8)
        else { continue }
        return inner
      }
    }
    return nil
  }

  // MARK: Collecting

  /// A container being walked.
  private struct Level {
    let container: PickleValue
    let prefix: String
    var next = 0
  }

  /// Walks containers in order, without recursion: nesting is the file's to choose.
  private mutating func collect(from root: PickleValue) throws {
    var levels = [Level(container: root, prefix: "")]
    while let level = levels.last {
      guard let (key, value) = item(level.next, of: level.container) else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].next += 1
      let name = level.prefix + key
      try account(name)
      switch value {
      case .dict, .list, .tuple:
        guard levels.count < Self.deepestNesting else {
          throw tooLarge("objects nested deeper than \(Self.deepestNesting)")
        }
        levels.append(Level(container: value, prefix: name + "."))
      case .tensor(let tensor): tensors.append((name, machine.heap.tensors[tensor]))
      default: describe(value, name: name)
      }
    }
  }

  /// The item at a place of a container, with its key or index; nil past the end.
  private func item(_ index: Int, of container: PickleValue) -> (String, PickleValue)? {
    switch container {
    case .dict(let dict):
      guard index < machine.heap.dicts[dict].keys.count else { return nil }
      let key = machine.heap.dicts[dict].keys[index]
      return (text(of: key) ?? "(\(key.kind))", machine.heap.dicts[dict].values[index])
    case .list(let list):
      guard index < machine.heap.lists[list].count else { return nil }
      return ("\(index)", machine.heap.lists[list][index])
    case .tuple(let tuple):
      guard index < Int(tuple.count) else { return nil }
      return ("\(index)", machine.heap.pool[Int(tuple.start) + index])
    default: return nil
    }
  }

  /// A dict's key as part of a name.
  private func text(of key: PickleValue) -> String? {
    switch key {
    case .text(let span): machine.text(span)
    case .int(let number): "\(number)"
    case .bool(let flag): flag ? "True" : "False"
    default: nil
    }
  }

  private mutating func account(_ name: String) throws {
    itemCount += 1
    nameByteCount += name.utf8.count
    guard itemCount <= Self.mostItems, nameByteCount <= Self.longestNames else {
      throw tooLarge("more than \(Self.mostItems) items or \(Self.longestNames) bytes of names")
    }
  }

  private func tooLarge(_ found: String) -> CheckpointError {
    .unsupported(
      path: machine.path, tensor: nil, found: found,
      advice: "save the tensors alone, in one dict")
  }

  // MARK: Everything else

  private mutating func describe(_ value: PickleValue, name: String) {
    guard metadata.count < Self.mostMetadata else { return }
    let longest = 200
    let text: String
    switch value {
    case .none, .device, .global, .data, .bigInteger, .storage: text = "(\(value.kind))"
    case .bool(let flag): text = flag ? "True" : "False"
    case .int(let number): text = "\(number)"
    case .float(let number): text = "\(number)"
    case .text(let span):
      text = String(decoding: machine.bytes(of: span).prefix(longest), as: UTF8.self)
    case .tensor: text = "(a tensor, not read)"
    case .dict(let dict): text = "(dict of \(machine.heap.dicts[dict].keys.count), not read)"
    case .list(let list): text = "(list of \(machine.heap.lists[list].count), not read)"
    case .tuple(let tuple): text = "(tuple of \(tuple.count), not read)"
    }
    metadata[String(name.prefix(longest))] = text
  }

  private mutating func stripReplicaPrefix() {
    let prefix = Self.replicaPrefix
    guard tensors.allSatisfy({ $0.name.hasPrefix(prefix) }) else { return }
    for index in tensors.indices { tensors[index].name.removeFirst(prefix.count) }
  }
}
