import Checkpoints
import Foundation

/// How close an implementation must come, by patterns of tensor names: a case's `tolerance`.
package struct GoldenTolerances: Sendable {
  /// An element passes if |got - want| <= absolute + relative * |want|.
  package struct Bound: Sendable {
    package var absolute: Float
    package var relative: Float

    /// Bound of the root-mean-square error over the tensor.
    package var rootMeanSquare: Float?

    /// At most `share` of the elements may be off by more than `over`, besides the bound on each.
    package var shareOver: (over: Float, share: Float)?

    package init(
      absolute: Float, relative: Float, rootMeanSquare: Float? = nil,
      shareOver: (over: Float, share: Float)? = nil
    ) {
      self.absolute = absolute
      self.relative = relative
      self.rootMeanSquare = rootMeanSquare
      self.shareOver = shareOver
    }
  }

  private struct Rule: Decodable {
    let atol: Float
    let rtol: Float
    let rms: Float?
    let shareOver: [Float]?

    enum CodingKeys: String, CodingKey {
      case atol, rtol, rms
      case shareOver = "share_over"
    }

    func bound(_ pattern: String) throws -> Bound {
      guard let shareOver else {
        return Bound(absolute: atol, relative: rtol, rootMeanSquare: rms)
      }
      guard shareOver.count == 2 else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: [],
            debugDescription: "\(pattern): share_over has \(shareOver.count) values, expected 2"))
      }
      return Bound(
        absolute: atol, relative: rtol, rootMeanSquare: rms, shareOver: (shareOver[0], shareOver[1])
      )
    }
  }

  private let rules: [(pattern: GlobPattern, bound: Bound)]
  private let fallback: Bound

  /// - Parameter json: rules by pattern; the first in the text that matches a name counts, and
  ///   `default` where none does.
  package init(_ json: Data) throws {
    let table = try JSONDecoder().decode([String: Rule].self, from: json)
    // A decoded dictionary has no order. Patterns hold no quotes or escapes, so their places in the
    // text give it.
    let text = String(decoding: json, as: UTF8.self)
    func place(_ pattern: String) -> String.Index {
      text.range(of: "\"\(pattern)\":")?.lowerBound ?? text.endIndex
    }
    rules = try table.filter { $0.key != "default" }.sorted { place($0.key) < place($1.key) }
      .map { (GlobPattern($0.key), try $0.value.bound($0.key)) }
    fallback = try table["default"]?.bound("default") ?? Bound(absolute: 0, relative: 0)
  }

  package subscript(name: String) -> Bound {
    rules.first { $0.pattern.matches(name) }?.bound ?? fallback
  }
}
