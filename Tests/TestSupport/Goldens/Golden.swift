import Checkpoints
import Foundation
import Synchronization
import TensorCore

/// One case of the golden reference data: a safetensors file whose metadata hold a description
/// (`config`) and how close an implementation must come (`tolerance`).
///
/// It notes which tensors were compared, so that a check that forgets one can be found out.
package struct Golden: Sendable {
  package let name: String
  package let file: SafetensorsFile

  /// Which part of the program the case is for: the configuration's `kind`.
  package let kind: String

  /// The metadata's `config`, JSON.
  package let configuration: Data

  private let notes: Notes
  private let tolerances: GoldenTolerances
  private let record = ComparisonRecord()

  /// What every configuration may say, whatever its kind.
  private struct Notes: Decodable {
    let kind: String
    let subsample: [String: String]?
    let proceduralInputs: [String: ProceduralInput]?

    enum CodingKeys: String, CodingKey {
      case kind, subsample
      case proceduralInputs = "procedural_inputs"
    }
  }

  /// An input that is made by formula instead of being stored.
  private struct ProceduralInput: Decodable {
    let name: String
    let shape: [Int]
    let scale: Float
  }

  package enum Failure: Error, Equatable, CustomStringConvertible {
    case noMetadata(golden: String, key: String)
    case unreadableMetadata(golden: String, key: String, reason: String)
    case noInput(golden: String, name: String)

    package var description: String {
      switch self {
      case .noMetadata(let golden, let key): "golden \(golden): no metadata '\(key)'"
      case .unreadableMetadata(let golden, let key, let reason):
        "golden \(golden): metadata '\(key)' cannot be read: \(reason)"
      case .noInput(let golden, let name):
        "golden \(golden): neither a tensor nor a procedural input is named '\(name)'"
      }
    }
  }

  /// Opens a case.
  ///
  /// - Throws: `CheckpointError`, `Golden.Failure`.
  package init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    func metadata<T>(_ key: String, _ read: (Data) throws -> T) throws -> T {
      guard let text = file.metadata[key] else {
        throw Failure.noMetadata(golden: name, key: key)
      }
      do {
        return try read(Data(text.utf8))
      } catch {
        throw Failure.unreadableMetadata(golden: name, key: key, reason: "\(error)")
      }
    }
    self.name = name
    self.file = file
    configuration = try metadata("config") { $0 }
    notes = try metadata("config") { try JSONDecoder().decode(Notes.self, from: $0) }
    kind = notes.kind
    tolerances = try metadata("tolerance") { try GoldenTolerances($0) }
  }

  /// The configuration, decoded; keys are those of the file.
  package func configuration<T: Decodable>(as type: T.Type) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: configuration)
    } catch {
      throw Failure.unreadableMetadata(golden: name, key: "config", reason: "\(error)")
    }
  }

  // MARK: Tensors

  /// Names of tensors that begin with a prefix, in the order of the file.
  package func names(prefix: String) -> [String] {
    file.entries.map(\.name).filter { $0.hasPrefix(prefix) }
  }

  package func has(_ name: String) -> Bool { file.entries.contains { $0.name == name } }

  /// A stored tensor.
  package func tensor(_ name: String) throws -> Tensor { try file.tensor(name) }

  package func floats(_ name: String) throws -> [Float] { try file.tensor(name).floats() }

  /// The values of an int32 or uint8 tensor.
  package func integers(_ name: String) throws -> [Int] {
    let tensor = try file.tensor(name)
    precondition(tensor.dtype == .i32 || tensor.dtype == .u8, "\(name): \(tensor.dtype)")
    return withExtendedLifetime(tensor) {
      (0..<tensor.count).map {
        tensor.dtype == .i32
          ? Int(tensor.pointer.load(fromByteOffset: 4 * $0, as: Int32.self))
          : Int(tensor.pointer.load(fromByteOffset: $0, as: UInt8.self))
      }
    }
  }

  /// Names of inputs that begin with a prefix, stored or made by formula.
  package func inputNames(prefix: String) -> [String] {
    let made = (notes.proceduralInputs ?? [:]).keys.filter { $0.hasPrefix(prefix) && !has($0) }
    return names(prefix: prefix) + made.sorted()
  }

  /// Whether there is an input of that name, stored or made by formula.
  package func hasInput(_ name: String) -> Bool {
    has(name) || notes.proceduralInputs?[name] != nil
  }

  /// An input by its name in the file ("input.clip_fea"), stored or made by formula.
  ///
  /// - Throws: `Failure.noInput`.
  package func input(_ name: String) throws -> Tensor {
    if has(name) { return try tensor(name) }
    guard let input = notes.proceduralInputs?[name] else {
      throw Failure.noInput(golden: self.name, name: name)
    }
    return try ProceduralWeights.noise(
      input.name, shape: Shape(validating: input.shape), scale: input.scale)
  }

  /// How the stored copy of a tensor was thinned out, nil where it is whole. What stands in the file
  /// may be meant for the reader alone ("every 4th row"); that is nil too.
  package func subsample(of name: String) throws -> TensorSlices? {
    for (patterns, text) in notes.subsample ?? [:] where text.hasPrefix("[") {
      let isMeant = patterns.split(separator: ",").contains { piece in
        let pattern = piece.trimmingCharacters(in: .whitespaces)
        // Several items of one case have their number behind the name: "output.row_0".
        return GlobPattern(pattern).matches(name) || GlobPattern(pattern + "_*").matches(name)
      }
      if isMeant { return try TensorSlices(text) }
    }
    return nil
  }

  /// The tolerance that counts for a tensor: the first matching pattern but for `default`.
  package func tolerance(of name: String) -> GoldenTolerances.Bound { tolerances[name] }

  // MARK: Comparison

  /// Compares a whole tensor with the stored one, thinned out as that is.
  ///
  /// - Parameters:
  ///   - got: of the shape of the stored tensor before it was thinned out, where axes of size 1 in
  ///     front (the batch) may be missing.
  ///   - rounded: what the stored values are rounded to before they are compared.
  /// - Returns: nil where it passes, else what is wrong: the largest excess with its place.
  package func difference(
    _ got: Tensor, from name: String, tolerance: GoldenTolerances.Bound? = nil,
    rounded: DType = .f32
  ) throws -> String? {
    let want = try tensor(name)
    let (values, complaint) = try sampled(got, like: want, name)
    guard let values else { return complaint }
    let wanted = try want.converted(to: rounded).floats()
    record.note(name, values, wanted)
    let comparison = Comparison(
      values, wanted, shape: want.shape, tolerance ?? tolerances[name])
    return comparison.failure.map { "\(self.name), \(name) \(want.shape): \($0)" }
  }

  /// The same for a list of values.
  package func difference(
    _ got: [Float], from name: String, tolerance: GoldenTolerances.Bound? = nil
  ) throws -> String? {
    let want = try tensor(name)
    guard got.count == want.count else {
      record.note(name)
      return "\(self.name), \(name): \(got.count) values, expected \(want.count) \(want.shape)"
    }
    return try difference(
      try Tensor(got, shape: want.shape), from: name, tolerance: tolerance)
  }

  /// Compares the root-mean-square error relative to the stored tensor's own root mean square: what
  /// counts where the arithmetic is coarser than the one that the case's tolerances are for.
  ///
  /// Where the case holds another implementation's result in the same arithmetic ("bf16.output.x"
  /// beside "output.x"), the error may also be no more than 1.5 times that one's.
  package func difference(
    _ got: Tensor, from name: String, relativeError bound: Double
  ) throws -> String? {
    let want = try tensor(name)
    let (values, complaint) = try sampled(got, like: want, name)
    guard let values else { return complaint }
    let wanted = try want.floats()
    record.note(name, values, wanted)
    let error = Comparison.relativeError(values, wanted)
    var (limit, reason) = (bound, "")
    if has("bf16." + name) {
      let other = Comparison.relativeError(try floats("bf16." + name), wanted)
      limit = min(bound, 1.5 * other)
      reason = " (the other implementation's: \(other))"
    }
    if error <= limit { return nil }
    return "\(self.name), \(name) \(want.shape): relative error \(error), allowed \(limit)\(reason)"
  }

  /// Tensors under these prefixes that nothing was compared with.
  package func notCompared(prefixes: [String]) -> [String] {
    let seen = record.errors
    return prefixes.flatMap { names(prefix: $0) }.filter { seen[$0] == nil }
  }

  /// How far the compared tensors were off, a line for each.
  package var report: [String] {
    record.errors.sorted { $0.key < $1.key }.compactMap { name, error in
      error.map { "\(name): largest \($0.largest), rms \($0.rootMeanSquare)" }
    }
  }

  /// The values as the stored ones were made of them, or what is wrong with the shape.
  private func sampled(
    _ got: Tensor, like want: Tensor, _ name: String
  ) throws -> ([Float]?, String?) {
    record.note(name)
    let slices = try subsample(of: name)
    let rank = slices?.rank ?? want.shape.rank
    let missing = max(rank - got.shape.rank, 0)
    var result = try got.reshaped(Shape(Array(repeating: 1, count: missing) + got.shape.axes))
    if let slices {
      guard result.shape.rank == rank else {
        return (nil, "\(self.name), \(name): shape \(got.shape), expected \(rank) axes")
      }
      result = try slices.of(result)
    }
    guard result.shape == want.shape else {
      let how = slices.map { " (thinned out by \($0))" } ?? ""
      return (nil, "\(self.name), \(name): shape \(result.shape)\(how), expected \(want.shape)")
    }
    return (try result.floats(), nil)
  }
}

/// What was compared so far, and how far off it was.
private final class ComparisonRecord: Sendable {
  struct Error {
    /// Of a single value, relative to the largest wanted one.
    let largest: Double
    /// Relative to the wanted values' own root mean square.
    let rootMeanSquare: Double
  }

  private let noted = Mutex<[String: Error?]>([:])

  /// By tensor; nil where shapes were too different to tell.
  var errors: [String: Error?] { noted.withLock { $0 } }

  func note(_ name: String) { noted.withLock { $0[name] = .some(nil) } }

  func note(_ name: String, _ got: [Float], _ want: [Float]) {
    let largest = zip(got, want).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    let size = want.reduce(Float(0)) { max($0, abs($1)) }
    let error = Error(
      largest: Double(largest == 0 ? 0 : largest / size),
      rootMeanSquare: Comparison.relativeError(got, want))
    noted.withLock { $0[name] = error }
  }
}
