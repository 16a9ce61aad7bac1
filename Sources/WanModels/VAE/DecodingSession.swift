import Layers
import TensorCore

/// A clip that is being decoded to pixels, in pieces of any number of latent frames, by one of the
/// decoders; it can be written down between two of them and taken up by another program.
package protocol DecodingSession: Sendable {
  /// Latent frames taken so far.
  var latentFrameCount: Int { get }

  /// Decodes the next latent frames.
  ///
  /// - Parameter latents: `[channels, frames, rows, columns]` float32.
  /// - Returns: `[frames, rows, columns, 3]` float32 in -1 ... 1.
  /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
  mutating func decode(_ latents: Tensor) throws -> Tensor

  /// All that the rest of the clip depends on.
  ///
  /// - Throws: `TensorError`.
  func saved() throws -> SavedSession

  /// Goes on where a session was saved, of the same weights, sizes, arithmetic and instruction set:
  /// the pixels are those that it would have given.
  ///
  /// - Throws: `NetworkError.input` where it belongs to another session or is incomplete;
  ///   `TensorError.outOfMemory`. This session is then as it was.
  mutating func restore(_ saved: SavedSession) throws
}

/// A decoder's memory between two latent frames, as it is kept in a file.
package struct SavedSession: Sendable {
  /// U8, by name; of a session's own memory, views.
  package let tensors: [String: Tensor]
  /// What a session must agree with that takes it up, and where in the clip it is; others may add
  /// keys of their own.
  package let metadata: [String: String]

  private enum Key {
    static let session = "session"
    static let latentFrames = "latent_frames"
  }

  /// What was read from a file.
  package init(tensors: [String: Tensor], metadata: [String: String]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// - Parameter description: of the session: whatever decides on the sizes and the order of its bytes.
  init(_ description: String, latentFrames: Int, tensors: [String: Tensor]) {
    self.init(
      tensors: tensors,
      metadata: [Key.session: description, Key.latentFrames: "\(latentFrames)"])
  }

  /// Latent frames that were taken.
  ///
  /// - Parameter description: of the session that takes it up.
  /// - Throws: `NetworkError.input` where that is another one.
  func latentFrames(for description: String, network: String) throws -> Int {
    guard metadata[Key.session] == description else {
      throw NetworkError.input(
        network: network, name: "saved session", expected: description,
        found: (metadata[Key.session] ?? "nothing").printable)
    }
    // More than any clip has, and few enough to be counted in pixels.
    let limit = 1 << 40
    guard let text = metadata[Key.latentFrames], let count = Int(text), (0...limit).contains(count)
    else {
      throw NetworkError.input(
        network: network, name: "saved session", expected: "0 to \(limit) latent frames",
        found: (metadata[Key.latentFrames] ?? "nothing").printable)
    }
    return count
  }

  /// - Throws: `NetworkError.input` unless these are the tensors.
  func require(names: Set<String>, network: String) throws {
    guard tensors.count == names.count, names.allSatisfy({ tensors[$0] != nil }) else {
      throw NetworkError.input(
        network: network, name: "saved session", expected: "\(names.count) tensors",
        found: "\(tensors.count) tensors, not all of them the same")
    }
  }

  /// Makes something of a tensor.
  ///
  /// - Throws: `NetworkError.input` where it is missing or has another size; `TensorError.outOfMemory`.
  func reading<Result>(
    _ name: String, network: String, _ body: (Tensor) throws -> Result
  ) throws -> Result {
    guard let tensor = tensors[name] else {
      throw NetworkError.input(
        network: network, name: "saved session", expected: name, found: "no such tensor")
    }
    do { return try body(tensor) } catch TensorError.shapeMismatch(_, let expected, let found) {
      throw NetworkError.input(
        network: network, name: "saved session, \(name)", expected: expected, found: found)
    }
  }
}

extension SavedSession {
  /// What decides on the order of a frame's bytes.
  static func layout(_ execution: Execution) -> String {
    "\(execution.floatingArithmetic) \(execution.context.instructionSet.rawValue)"
  }
}
