import TensorCore

/// How an adapter is to be read: conventions differ between publishers.
package struct AdapterRules: Sendable, Equatable {
  /// Whether a pair is scaled by alpha / rank where it has an alpha.
  package var honoursAlpha = true

  /// Whether pairs for weights of five dimensions (video convolutions) are merged.
  package var mergesVolumes = true

  /// Whether tensors that fit nothing are left out instead of refused.
  package var leavesOutMisfits = false

  package init(
    honoursAlpha: Bool = true, mergesVolumes: Bool = true, leavesOutMisfits: Bool = false
  ) {
    self.honoursAlpha = honoursAlpha
    self.mergesVolumes = mergesVolumes
    self.leavesOutMisfits = leavesOutMisfits
  }

  /// What the words of the adapter's file say.
  package static let standard = AdapterRules()

  /// As the published step-distillation merge does: alpha is ignored, and pairs for
  /// five-dimensional weights are left out.
  package static let stepDistillation = AdapterRules(honoursAlpha: false, mergesVolumes: false)
}

/// An adapter (LoRA): small tensors that change the weights of a network.
package struct Adapter: Sendable {
  package let file: any TensorFile

  /// The tensors of one module: the file's name for each role.
  struct Parts: Sendable {
    var names: [AdapterKey.Role: String] = [:]
  }

  /// Modules by their names; flattened names apart, for those are compared in another form.
  private let modules: [AdapterKey.Module: Parts]

  /// Tensors whose names have no known form.
  let unknownNames: [String]

  /// - Throws: `CheckpointError.malformed` where two names mean the same.
  package init(_ file: any TensorFile) throws {
    var modules: [AdapterKey.Module: Parts] = [:]
    var unknown: [String] = []
    for entry in file.entries {
      guard let key = AdapterKey(entry.name) else {
        unknown.append(entry.name)
        continue
      }
      let former = modules[key.module, default: Parts()].names.updateValue(
        entry.name, forKey: key.role)
      if let former {
        throw CheckpointError.malformed(
          path: file.path, tensor: entry.name, expected: "one tensor for each part of a module",
          found: "another, '\(former)'")
      }
    }
    self.file = file
    self.modules = modules
    unknownNames = unknown
  }

  /// Opens an adapter's file.
  package static func open(_ path: String) throws -> Adapter {
    try Adapter(Checkpoint.open(path))
  }

  /// Whether there is anything for this network.
  package func hasTensors(for component: AdapterComponent) -> Bool {
    modules.keys.contains { $0.component == component }
  }

  /// The parts for a module or parameter, written either way.
  func parts(of name: String, _ component: AdapterComponent) -> [Parts] {
    let flattened = String(name.map { $0 == "." ? "_" : $0 })
    return [
      AdapterKey.Module(component: component, name: name, isFlattened: false),
      AdapterKey.Module(component: component, name: flattened, isFlattened: true),
    ].compactMap { modules[$0] }
  }

  /// All tensors for a network, with the parts that they stand beside.
  func allParts(_ component: AdapterComponent) -> [Parts] {
    modules.filter { $0.key.component == component }.map(\.value)
  }
}
