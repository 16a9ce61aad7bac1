import CKernels

/// Element type of a tensor, with the names and bit layouts of PyTorch and safetensors.
package enum DType: String, CaseIterable, Sendable, Codable {
  case f32 = "F32"
  case bf16 = "BF16"
  case f16 = "F16"
  case f64 = "F64"
  case i8 = "I8"
  case u8 = "U8"
  case i16 = "I16"
  case i32 = "I32"
  case i64 = "I64"
  case u16 = "U16"
  case u32 = "U32"
  case u64 = "U64"
  case f8e4m3 = "F8_E4M3"
  case f8e5m2 = "F8_E5M2"
  case bool = "BOOL"

  /// Bytes of one element.
  package var byteCount: Int {
    switch self {
    case .f64, .i64, .u64: 8
    case .f32, .i32, .u32: 4
    case .bf16, .f16, .i16, .u16: 2
    case .i8, .u8, .f8e4m3, .f8e5m2, .bool: 1
    }
  }

  /// Whether elements are rounded real numbers, not whole ones or truth values.
  package var isFloatingPoint: Bool {
    switch self {
    case .f32, .bf16, .f16, .f64, .f8e4m3, .f8e5m2: true
    case .i8, .u8, .i16, .i32, .i64, .u16, .u32, .u64, .bool: false
    }
  }

  /// The kernels' name for this type.
  package var kernelType: fp_dtype {
    switch self {
    case .f32: FP_F32
    case .bf16: FP_BF16
    case .f16: FP_F16
    case .f64: FP_F64
    case .i8: FP_I8
    case .u8: FP_U8
    case .i16: FP_I16
    case .i32: FP_I32
    case .i64: FP_I64
    case .u16: FP_U16
    case .u32: FP_U32
    case .u64: FP_U64
    case .f8e4m3: FP_F8_E4M3
    case .f8e5m2: FP_F8_E5M2
    case .bool: FP_BOOL
    }
  }
}
