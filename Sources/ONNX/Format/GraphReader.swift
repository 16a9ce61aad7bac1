import Foundation
import SwiftProtobuf
import TensorCore

/// Makes graphs of the file's graph messages.
struct GraphReader {
  /// The model, for messages.
  let file: String
  let tensors: TensorReader
  /// Version of each domain's operator set.
  let opsets: [String: Int]

  /// The standard's own domain has two names.
  static func normalized(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

  /// - Throws: `ONNXError.malformed`, `.unreadable`, `TensorError`.
  func graph(_ proto: Onnx_GraphProto) throws -> Graph {
    guard proto.sparseInitializer.isEmpty else {
      throw malformed("sparse initializers are not supported")
    }
    var initializers: [String: Tensor] = [:]
    for tensor in proto.initializer {
      guard initializers.updateValue(try tensors.tensor(tensor), forKey: tensor.name) == nil else {
        throw malformed("two initializers '\(tensor.name)'")
      }
    }
    let inputs = try proto.input.filter { initializers[$0.name] == nil }.map(describe)
    return Graph(
      nodes: try proto.node.map(node), initializers: initializers, inputs: inputs,
      outputs: try proto.output.map(describe))
  }

  func node(_ proto: Onnx_NodeProto) throws -> Node {
    let domain = Self.normalized(proto.domain)
    var attributes: [String: Attribute] = [:]
    for attribute in proto.attribute {
      guard let value = try value(of: attribute, in: proto) else { continue }
      guard attributes.updateValue(value, forKey: attribute.name) == nil else {
        throw malformed(
          "node '\(proto.name)' (\(proto.opType)): two attributes '\(attribute.name)'")
      }
    }
    return Node(
      name: proto.name, operatorName: proto.opType, domain: domain, overload: proto.overload,
      opset: opsets[domain] ?? (domain.isEmpty ? 1 : 0),
      inputs: proto.input, outputs: proto.output, attributes: attributes)
  }

  /// - Returns: nil for an attribute that nothing here can use, such as a type.
  func value(of proto: Onnx_AttributeProto, in node: Onnx_NodeProto) throws -> Attribute? {
    if !proto.refAttrName.isEmpty { return .reference(proto.refAttrName) }
    switch proto.type {
    case .float: return .float(proto.f)
    case .int: return .int(Int(proto.i))
    case .string: return .string(text(proto.s))
    case .tensor: return .tensor(try tensors.tensor(proto.t))
    case .graph: return .graph(try graph(proto.g))
    case .floats: return .floats(proto.floats)
    case .ints: return .ints(proto.ints.map(Int.init))
    case .strings: return .strings(proto.strings.map(text))
    case .tensors: return .tensors(try proto.tensors.map(tensors.tensor))
    case .undefined:
      // Files before format 3 leave the type out; then what is there tells.
      throw malformed(
        "node '\(node.name)' (\(node.opType)): attribute '\(proto.name)' has no type")
    default: return nil
    }
  }

  private func text(_ bytes: Data) -> String { String(decoding: bytes, as: UTF8.self) }

  private func describe(_ proto: Onnx_ValueInfoProto) throws -> ValueDescription {
    var description = ValueDescription(name: proto.name, dtype: nil, dimensions: nil)
    switch proto.type.value {
    case nil: return description
    case .tensorType(let type):
      if type.elemType != 0 {
        guard let dtype = DType(onnx: Int(type.elemType)) else {
          throw malformed("'\(proto.name)': element type \(type.elemType) is not supported")
        }
        description.dtype = dtype
      }
      if type.hasShape {
        description.dimensions = type.shape.dim.map { dimension in
          switch dimension.value {
          case .dimValue(let size)? where size >= 0: .fixed(Int(size))
          case .dimParam(let name)?: .symbolic(name)
          default: .symbolic("")
          }
        }
      }
      return description
    default:
      throw malformed("'\(proto.name)' is a sequence, map or optional value, not a tensor")
    }
  }

  func malformed(_ reason: String) -> ONNXError { .malformed(file: file, reason: reason) }
}
