import Foundation
import SwiftProtobuf
import TensorCore

/// Makes tensors of the file's tensor messages.
struct TensorReader {
  /// The model, for messages.
  let file: String
  /// Where external data lies: the model's folder.
  let folder: URL

  /// - Throws: `ONNXError.malformed`, `.unreadable`, `TensorError`.
  func tensor(_ proto: Onnx_TensorProto) throws -> Tensor {
    let name = proto.name
    guard let dtype = DType(onnx: Int(proto.dataType)) else {
      throw malformed(name, "element type \(proto.dataType) is not supported")
    }
    guard proto.dims.count <= 64 else { throw malformed(name, "\(proto.dims.count) axes") }
    guard let shape = try? Shape(validating: proto.dims.map(Int.init)),
      !shape.count.multipliedReportingOverflow(by: dtype.byteCount).overflow
    else { throw malformed(name, "shape \(proto.dims) is not possible") }
    guard !proto.hasSegment else { throw malformed(name, "tensors in segments are not supported") }
    if proto.dataLocation == .external { return try external(proto, dtype, shape) }
    if !proto.rawData.isEmpty { return try raw(proto.rawData, dtype, shape, name) }
    return try typed(proto, dtype, shape)
  }

  private func raw(_ data: Data, _ dtype: DType, _ shape: Shape, _ name: String) throws -> Tensor {
    let expected = shape.count * dtype.byteCount
    guard data.count == expected else {
      throw malformed(
        name,
        "\(data.count) bytes of data for shape \(shape) of \(dtype.rawValue), which has \(expected)"
      )
    }
    let tensor = try Tensor(uninitialized: shape, dtype: dtype)
    data.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress {
        tensor.pointer.copyMemory(from: base, byteCount: bytes.count)
      }
    }
    return tensor
  }

  /// The fields of single numbers: small types lie in wider ones.
  private func typed(_ proto: Onnx_TensorProto, _ dtype: DType, _ shape: Shape) throws -> Tensor {
    switch dtype {
    case .f32: try tensor(proto, dtype, shape, proto.floatData)
    case .f64: try tensor(proto, dtype, shape, proto.doubleData)
    case .i64: try tensor(proto, dtype, shape, proto.int64Data)
    case .u64: try tensor(proto, dtype, shape, proto.uint64Data)
    case .u32:
      try tensor(proto, dtype, shape, proto.uint64Data.map { UInt32(truncatingIfNeeded: $0) })
    case .i32: try tensor(proto, dtype, shape, proto.int32Data)
    case .i16:
      try tensor(proto, dtype, shape, proto.int32Data.map { Int16(truncatingIfNeeded: $0) })
    case .u16, .f16, .bf16:
      try tensor(proto, dtype, shape, proto.int32Data.map { UInt16(truncatingIfNeeded: $0) })
    case .bool: try tensor(proto, dtype, shape, proto.int32Data.map { UInt8($0 == 0 ? 0 : 1) })
    case .i8, .u8, .f8e4m3, .f8e5m2:
      try tensor(proto, dtype, shape, proto.int32Data.map { UInt8(truncatingIfNeeded: $0) })
    }
  }

  private func tensor<Element: BitwiseCopyable>(
    _ proto: Onnx_TensorProto, _ dtype: DType, _ shape: Shape, _ values: [Element]
  ) throws -> Tensor {
    guard values.count == shape.count else {
      throw malformed(
        proto.name, "\(values.count) values for shape \(shape), which has \(shape.count)")
    }
    let tensor = try Tensor(uninitialized: shape, dtype: dtype)
    values.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress {
        tensor.pointer.copyMemory(from: base, byteCount: bytes.count)
      }
    }
    return tensor
  }

  // MARK: External data

  private func external(
    _ proto: Onnx_TensorProto, _ dtype: DType, _ shape: Shape
  ) throws -> Tensor {
    var fields: [String: String] = [:]
    for entry in proto.externalData { fields[entry.key] = entry.value }
    guard let location = fields["location"] else {
      throw malformed(proto.name, "external data without a location")
    }
    let path = try path(of: location, proto.name)
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch {
      throw ONNXError.unreadable(file: path, reason: "\(error)")
    }
    let expected = shape.count * dtype.byteCount
    let offset = try number(fields["offset"], proto.name) ?? 0
    let length = try number(fields["length"], proto.name) ?? expected
    guard length == expected, offset <= file.byteCount, length <= file.byteCount - offset else {
      throw malformed(
        proto.name,
        "bytes \(offset) ..< \(offset)+\(length) of \(location) (\(file.byteCount) bytes) "
          + "for \(expected) bytes of shape \(shape)")
    }
    // Copied: kernels want aligned elements, and a mapped file may be cut short while it is used.
    let tensor = try Tensor(uninitialized: shape, dtype: dtype)
    tensor.pointer.copyMemory(from: file.base + offset, byteCount: expected)
    return tensor
  }

  private func number(_ text: String?, _ name: String) throws -> Int? {
    guard let text else { return nil }
    guard let value = Int(text), value >= 0 else {
      throw malformed(name, "external data at '\(text)'")
    }
    return value
  }

  /// A path below the model's folder; a file must not make us read others of the user's.
  private func path(of location: String, _ name: String) throws -> String {
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !parts.contains(".."),
      !location.utf8.contains(0)
    else { throw malformed(name, "external data at '\(location)', outside the model's folder") }
    let inside = folder.resolvingSymlinksInPath().path
    let target = folder.appendingPathComponent(location).resolvingSymlinksInPath().path
    guard target.hasPrefix(inside.hasSuffix("/") ? inside : inside + "/") else {
      throw malformed(name, "external data at '\(location)', a link out of the model's folder")
    }
    return target
  }

  private func malformed(_ name: String, _ reason: String) -> ONNXError {
    .malformed(file: file, reason: "tensor '\(name)': \(reason)")
  }
}

extension DType {
  /// The type of a number in `TensorProto.DataType`; nil for strings, complex numbers and types of
  /// fewer than 8 bits.
  package init?(onnx code: Int) {
    switch code {
    case 1: self = .f32
    case 2: self = .u8
    case 3: self = .i8
    case 4: self = .u16
    case 5: self = .i16
    case 6: self = .i32
    case 7: self = .i64
    case 9: self = .bool
    case 10: self = .f16
    case 11: self = .f64
    case 12: self = .u32
    case 13: self = .u64
    case 16: self = .bf16
    case 17: self = .f8e4m3
    case 19: self = .f8e5m2
    default: return nil
    }
  }
}
