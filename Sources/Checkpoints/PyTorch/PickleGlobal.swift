import TensorCore

/// The Python names that a checkpoint may mention. Every other name is refused, called or not.
enum PickleGlobal: Hashable {
  case rebuildTensor
  case rebuildTensorWithType
  case rebuildParameter
  case rebuildParameterWithState
  case orderedDict
  case size
  case device
  case storage(TorchType)
  case untypedStorage
  case type(TorchType)

  /// - Returns: nil for a name that is not allowed.
  init?(module: String, name: String) {
    switch module {
    case "collections":
      guard name == "OrderedDict" else { return nil }
      self = .orderedDict
    case "torch._utils":
      switch name {
      case "_rebuild_tensor_v2": self = .rebuildTensor
      case "_rebuild_tensor_v3": self = .rebuildTensorWithType
      case "_rebuild_parameter": self = .rebuildParameter
      case "_rebuild_parameter_with_state": self = .rebuildParameterWithState
      default: return nil
      }
    case "torch.storage":
      guard name == "UntypedStorage" else { return nil }
      self = .untypedStorage
    case "torch":
      switch name {
      case "Size": self = .size
      case "device": self = .device
      case "UntypedStorage": self = .untypedStorage
      default:
        if let type = TorchType(rawValue: name) {
          self = .type(type)
        } else if let type = TorchType.ofStorageClass[name] {
          self = .storage(type)
        } else {
          return nil
        }
      }
    default: return nil
    }
  }
}

/// Element types of PyTorch by their names there.
enum TorchType: String, CaseIterable {
  case float64, float32, float16, bfloat16
  case float8E4M3 = "float8_e4m3fn"
  case float8E5M2 = "float8_e5m2"
  case float8E4M3Unsigned = "float8_e4m3fnuz"
  case float8E5M2Unsigned = "float8_e5m2fnuz"
  case float8E8M0 = "float8_e8m0fnu"
  case int8, int16, int32, int64
  case uint8, uint16, uint32, uint64
  case bool
  case complex32, complex64, complex128

  /// Bytes of one element.
  var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64, .complex64: 8
    case .float32, .int32, .uint32, .complex32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .complex128: 16
    case .int8, .uint8, .bool, .float8E4M3, .float8E5M2, .float8E4M3Unsigned,
      .float8E5M2Unsigned, .float8E8M0:
      1
    }
  }

  /// Our type of the same elements; nil where we have none.
  var dtype: DType? {
    switch self {
    case .float64: .f64
    case .float32: .f32
    case .float16: .f16
    case .bfloat16: .bf16
    case .float8E4M3: .f8e4m3
    case .float8E5M2: .f8e5m2
    case .int8: .i8
    case .int16: .i16
    case .int32: .i32
    case .int64: .i64
    case .uint8: .u8
    case .bool: .bool
    case .uint16: .u16
    case .uint32: .u32
    case .uint64: .u64
    case .complex32, .complex64, .complex128, .float8E4M3Unsigned, .float8E5M2Unsigned,
      .float8E8M0:
      nil
    }
  }

  /// PyTorch's name of one of our types.
  init(_ dtype: DType) {
    switch dtype {
    case .f64: self = .float64
    case .f32: self = .float32
    case .f16: self = .float16
    case .bf16: self = .bfloat16
    case .f8e4m3: self = .float8E4M3
    case .f8e5m2: self = .float8E5M2
    case .i8: self = .int8
    case .i16: self = .int16
    case .i32: self = .int32
    case .i64: self = .int64
    case .u16: self = .uint16
    case .u32: self = .uint32
    case .u64: self = .uint64
    case .u8: self = .uint8
    case .bool: self = .bool
    }
  }

  /// The class in module `torch` whose storages hold elements of this type; nil for types that
  /// are younger than such classes and lie in untyped storages.
  var storageClass: String? {
    switch self {
    case .float64: "DoubleStorage"
    case .float32: "FloatStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int8: "CharStorage"
    case .int16: "ShortStorage"
    case .int32: "IntStorage"
    case .int64: "LongStorage"
    case .uint8: "ByteStorage"
    case .bool: "BoolStorage"
    case .complex64: "ComplexFloatStorage"
    case .complex128: "ComplexDoubleStorage"
    case .uint16, .uint32, .uint64, .complex32, .float8E4M3, .float8E5M2, .float8E4M3Unsigned,
      .float8E5M2Unsigned, .float8E8M0:
      nil
    }
  }

  fileprivate static let ofStorageClass: [String: TorchType] = Dictionary(
    uniqueKeysWithValues: allCases.compactMap { type in type.storageClass.map { ($0, type) } })
}
