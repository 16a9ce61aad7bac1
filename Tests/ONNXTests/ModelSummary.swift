import Foundation

/// What a test wants to know of a model before it runs: read from the protocol buffer by hand, apart
/// from the reader that is tested.
struct ModelSummary {
  /// Operators of the graph and of graphs in it, "domain.Name" outside of the standard's domain.
  private(set) var operators: Set<String> = []
  /// Of the inputs and outputs: element types by number, or what is no tensor.
  private(set) var types: Set<String> = []

  init(contentsOf url: URL) throws {
    for (number, bytes) in ProtocolFields(Array(try Data(contentsOf: url))[...]).messages
    where number == 7 {
      readGraph(bytes, isOutermost: true)
    }
  }

  private mutating func readGraph(_ bytes: ArraySlice<UInt8>, isOutermost: Bool) {
    for (number, bytes) in ProtocolFields(bytes).messages {
      switch number {
      case 1: readNode(bytes)
      case 11 where isOutermost, 12 where isOutermost: readValue(bytes)
      default: break
      }
    }
  }

  private mutating func readNode(_ bytes: ArraySlice<UInt8>) {
    var (name, domain) = ("", "")
    for (number, bytes) in ProtocolFields(bytes).messages {
      switch number {
      case 4: name = String(decoding: bytes, as: UTF8.self)
      case 7: domain = String(decoding: bytes, as: UTF8.self)
      case 5:
        for (number, bytes) in ProtocolFields(bytes).messages where number == 6 {
          readGraph(bytes, isOutermost: false)
        }
      default: break
      }
    }
    operators.insert(domain.isEmpty || domain == "ai.onnx" ? name : "\(domain).\(name)")
  }

  private mutating func readValue(_ bytes: ArraySlice<UInt8>) {
    for (number, type) in ProtocolFields(bytes).messages where number == 2 {
      for (kind, bytes) in ProtocolFields(type).messages {
        switch kind {
        case 1:
          for (number, value) in ProtocolFields(bytes).numbers where number == 1 {
            types.insert("\(value)")
          }
        case 4: types.insert("sequence")
        case 5: types.insert("map")
        case 8: types.insert("sparse")
        case 9: types.insert("optional")
        default: break
        }
      }
    }
  }
}

/// The fields of one message; a damaged one ends early.
private struct ProtocolFields {
  private(set) var messages: [(Int, ArraySlice<UInt8>)] = []
  private(set) var numbers: [(Int, Int)] = []

  init(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    func number() -> Int {
      var (value, shift) = (0, 0)
      while let byte = rest.popFirst() {
        value |= Int(byte & 0x7f) << shift
        if byte < 0x80 { break }
        shift += 7
      }
      return value
    }
    while !rest.isEmpty {
      let tag = number()
      switch tag & 7 {
      case 0: numbers.append((tag >> 3, number()))
      case 1: rest = rest.dropFirst(8)
      case 5: rest = rest.dropFirst(4)
      default:
        let length = number()
        messages.append((tag >> 3, rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
    }
  }
}
