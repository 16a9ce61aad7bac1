import Foundation
import SwiftProtobuf
import TensorCore

/// A model as the file has it, with its functions put in place of their calls.
struct ModelFile {
  let graph: Graph

  /// Versions of the file format that are known; they differ in fields that are not read here.
  private static let formats = 3...13

  /// - Throws: `ONNXError.unreadable`, `.malformed`, `TensorError`.
  init(contentsOf path: String) throws {
    let url = URL(fileURLWithPath: path)
    let bytes: Data
    do {
      // A folder or a pipe is refused, and what is no model is not read whole.
      bytes = try Data(MappedFile(path: path))
    } catch let error as TensorError {
      guard case .mapFailed(_, let reason) = error else { throw error }
      throw ONNXError.unreadable(file: path, reason: reason)
    }
    try self.init(bytes, file: path, folder: url.deletingLastPathComponent())
  }

  /// - Parameters:
  ///   - file: name for messages.
  ///   - folder: where external data lies.
  init(_ bytes: Data, file: String, folder: URL) throws {
    let model: Onnx_ModelProto
    do { model = try Onnx_ModelProto(serializedBytes: bytes) } catch {
      throw ONNXError.malformed(file: file, reason: "no readable protocol buffer (\(error))")
    }
    guard Self.formats.contains(Int(model.irVersion)) else {
      throw ONNXError.malformed(
        file: file,
        reason: "format version \(model.irVersion), expected one of \(Self.formats)")
    }
    guard model.hasGraph else { throw ONNXError.malformed(file: file, reason: "it has no graph") }
    let reader = GraphReader(
      file: file, tensors: TensorReader(file: file, folder: folder),
      opsets: try Self.opsets(model.opsetImport, file: file))
    var inlining = try FunctionInlining(model.functions, reader: reader)
    graph = try inlining.inlined(reader.graph(model.graph))
  }

  /// Versions by domain.
  static func opsets(_ imports: [Onnx_OperatorSetIdProto], file: String) throws -> [String: Int] {
    var versions: [String: Int] = [:]
    for entry in imports {
      guard (1...1000).contains(entry.version) else {
        throw ONNXError.malformed(file: file, reason: "operator set version \(entry.version)")
      }
      versions[GraphReader.normalized(entry.domain)] = Int(entry.version)
    }
    return versions
  }
}

extension Data {
  /// The bytes of a mapped file, copied: the file may change while it is parsed.
  fileprivate init(_ file: MappedFile) throws {
    guard file.byteCount < 1 << 31 else {
      throw TensorError.mapFailed(path: file.path, reason: "an ONNX model has less than 2 GiB")
    }
    self.init(bytes: file.base, count: file.byteCount)
  }
}
