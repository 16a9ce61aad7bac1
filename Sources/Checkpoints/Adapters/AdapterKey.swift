/// Which network a part of an adapter belongs to.
package enum AdapterComponent: Sendable {
  case transformer, textEncoder
}

/// The name of one tensor of an adapter file, taken apart.
struct AdapterKey {
  /// What the tensor is for its module.
  enum Role: Sendable {
    case down, up, alpha, weightDifference, biasDifference, modulationDifference
  }

  /// The module or parameter that a tensor belongs to. Kohya names have '_' for '.', which cannot
  /// be told from '_' in the name itself, so names are compared in that form.
  struct Module: Hashable, Sendable {
    let component: AdapterComponent
    let name: String
    let isFlattened: Bool
  }

  let module: Module
  let role: Role

  private static let roles: [(suffix: String, role: Role)] = [
    (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_A.weight", .down),
    (".lora_B.weight", .up), (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
    (".alpha", .alpha), (".diff", .weightDifference), (".diff_b", .biasDifference),
    (".diff_m", .modulationDifference),
  ]

  private static let flattenedPrefixes: [(prefix: String, component: AdapterComponent)] = [
    ("lora_unet__", .transformer), ("lora_unet_", .transformer), ("lora_te_", .textEncoder),
  ]

  /// - Returns: nil for a name of no known form.
  init?(_ name: String) {
    guard let (suffix, role) = Self.roles.first(where: { name.hasSuffix($0.suffix) }) else {
      return nil
    }
    self.role = role
    let stem = String(name.dropLast(suffix.count))
    if let (prefix, component) = Self.flattenedPrefixes.first(where: { stem.hasPrefix($0.prefix) })
    {
      module = Module(
        component: component, name: String(stem.dropFirst(prefix.count)), isFlattened: true)
    } else {
      let prefix = "diffusion_model."
      let plain = stem.hasPrefix(prefix) ? String(stem.dropFirst(prefix.count)) : stem
      module = Module(component: .transformer, name: plain, isFlattened: false)
    }
  }
}
