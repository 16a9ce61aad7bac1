import TensorCore

/// Tells from tensor names which networks a checkpoint holds, and from shapes how large they are.
package enum NetworkRecognition {
  /// The networks among some tensors: none, one, or the two of a trained bundle
  /// (`transformer3d.*` with `portrait_encoder.*`).
  package static func networks(in entries: [TensorEntry]) -> [RecognisedNetwork] {
    if let adapter = adapter(in: entries) { return [adapter] }
    let bundled = bundlePrefixes.compactMap { prefix in
      let part = entries.filter { $0.name.hasPrefix(prefix) }
      return part.isEmpty ? nil : bestMatch(part, prefixes: [prefix])
    }
    if !bundled.isEmpty { return bundled }
    return bestMatch(entries, prefixes: knownPrefixes).map { [$0] } ?? []
  }

  /// Prefixes of the two networks in a file written by the training code.
  package static let bundlePrefixes = ["transformer3d.", "portrait_encoder."]

  private static let knownPrefixes = [
    "", "model.", "module.", "model.diffusion_model.", "diffusion_model.", "transformer.", "vae.",
  ]

  /// A network is recognised where this share of the tensors bears its names.
  private static let leastShare = 0.3
  private static let leastTensors = 2

  private struct Match {
    let kind: NetworkKind
    let prefix: String
    let entries: [TensorEntry]
  }

  private static func bestMatch(
    _ entries: [TensorEntry], prefixes: [String]
  ) -> RecognisedNetwork? {
    let parsed = entries.map { (entry: $0, pattern: pattern($0.name)) }
    var best: Match?
    for kind in NetworkKind.allCases {
      for prefix in prefixes {
        let known = patterns[kind] ?? []
        let own = parsed.filter { item in
          item.entry.name.hasPrefix(prefix) && known.contains(item.pattern.dropFirst(prefix.count))
        }
        if own.count > best?.entries.count ?? 0 {
          best = Match(kind: kind, prefix: prefix, entries: own.map(\.entry))
        }
      }
    }
    guard let best, best.entries.count >= leastTensors,
      Double(best.entries.count) >= leastShare * Double(entries.count)
    else { return nil }
    return describe(best)
  }

  /// A name with "#" for each number between dots.
  private static func pattern(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false)
      .map { $0.allSatisfy(\.isNumber) && !$0.isEmpty ? "#" : String($0) }
      .joined(separator: ".")
  }

  private static let patterns: [NetworkKind: Set<Substring>] = {
    var patterns: [NetworkKind: Set<Substring>] = [:]
    for kind in NetworkKind.allCases {
      guard let names = NetworkNames(kind, layers: 1) else { continue }
      let all = (names.required + names.optional).map { Substring(pattern($0)) }
      patterns[kind] = Set(all)
    }
    return patterns
  }()

  // MARK: What was found

  private static func describe(_ match: Match) -> RecognisedNetwork {
    let tensors = NamedShapes(match.entries, prefix: match.prefix)
    // A Wan transformer bears every name of FlashPortrait's but those of the expression branch.
    let isPlain =
      match.kind == .flashPortraitTransformer
      && !tensors.names.contains { $0.contains(".emo_k_proj.") || $0.contains(".emo_v_proj.") }
    let kind = isPlain ? .wanTransformer : match.kind
    return RecognisedNetwork(
      kind: kind, prefix: match.prefix, geometry: NetworkGeometry.items(of: kind, in: tensors),
      tensorCount: match.entries.count,
      byteCount: match.entries.reduce(0) { $0 + $1.byteCount },
      missing: missing(kind, in: tensors))
  }

  private static func missing(_ kind: NetworkKind, in tensors: NamedShapes) -> [String] {
    let layers = NetworkGeometry.layerCount(of: kind, in: tensors)
    guard let names = NetworkNames(kind, layers: layers) else { return [] }
    return names.required.filter { tensors[$0] == nil }
  }

  private static func adapter(in entries: [TensorEntry]) -> RecognisedNetwork? {
    let downs = entries.filter {
      $0.name.contains(".lora_down.") || $0.name.contains(".lora_A.")
    }
    guard let rank = downs.first?.shape.axes.first else { return nil }
    let ranks = Set(downs.compactMap(\.shape.axes.first))
    var geometry = [GeometryItem(name: "targets", value: downs.count)]
    if ranks.count == 1 { geometry.append(GeometryItem(name: "rank", value: rank)) }
    return RecognisedNetwork(
      kind: .adapter, prefix: "", geometry: geometry, tensorCount: entries.count,
      byteCount: entries.reduce(0) { $0 + $1.byteCount }, missing: [])
  }
}
