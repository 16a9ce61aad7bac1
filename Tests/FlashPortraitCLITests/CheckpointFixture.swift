import Checkpoints
import Foundation
import TensorCore
import TestSupport

extension TemporaryFolder {
  /// Writes a safetensors file of float32 tensors, each filled with 0, 0.5, 1 ...
  func checkpoint(
    _ name: String, _ tensors: [(String, Shape)], dtype: DType = .f32,
    metadata: [String: String] = [:]
  ) throws -> String {
    let made = try tensors.map { name, shape in
      let values = (0..<shape.count).map { Float($0) / 2 }
      return (name: name, tensor: try Tensor(values, shape: shape).converted(to: dtype))
    }
    try SafetensorsWriter.write(made, to: file(name), metadata: metadata)
    return file(name)
  }

  /// Writes a safetensors file whose data are a hole: large, and takes no room on disk.
  func sparseCheckpoint(_ name: String, tensorCount: Int, bytesEach: Int) throws -> String {
    let entries = (0..<tensorCount).map { index in
      let offsets = "[\(index * bytesEach), \((index + 1) * bytesEach)]"
      return
        "\"t\(index)\": {\"dtype\": \"BF16\", \"shape\": [\(bytesEach / 2)], \"data_offsets\": \(offsets)}"
    }
    let header = Array("{\(entries.joined(separator: ", "))}".utf8)
    var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    bytes += header
    let path = try write(bytes, to: name)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: UInt64(bytes.count + tensorCount * bytesEach))
    try handle.close()
    return path
  }

  /// Names of what lies in the folder.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}
