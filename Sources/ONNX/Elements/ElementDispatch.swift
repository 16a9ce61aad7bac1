import TensorCore

/// Something that is made for one type of numbers.
protocol NumericVisitor {
  associatedtype Result
  func visit<T: NumericElement>(_ type: T.Type) throws -> Result
}

/// Something that is made for one type of real numbers.
protocol RealVisitor {
  associatedtype Result
  func visit<T: RealElement>(_ type: T.Type) throws -> Result
}

/// Something that is made for one type of whole numbers.
protocol WholeVisitor {
  associatedtype Result
  func visit<T: WholeElement>(_ type: T.Type) throws -> Result
}

/// Something that only moves elements of one size.
protocol WordVisitor {
  associatedtype Result
  func visit<Word: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: Word.Type) -> Result
}

extension DType {
  /// The type that arithmetic on this one is done in: float32 for its shorter forms.
  var arithmeticType: DType {
    switch self {
    case .f16, .bf16, .f8e4m3, .f8e5m2: .f32
    default: self
    }
  }

  /// - Throws: `ONNXError.invalid` for truth values and short floats.
  func dispatch<V: NumericVisitor>(_ visitor: V) throws -> V.Result {
    switch self {
    case .f32: try visitor.visit(Float.self)
    case .f64: try visitor.visit(Double.self)
    case .i8: try visitor.visit(Int8.self)
    case .i16: try visitor.visit(Int16.self)
    case .i32: try visitor.visit(Int32.self)
    case .i64: try visitor.visit(Int64.self)
    case .u8: try visitor.visit(UInt8.self)
    case .u16: try visitor.visit(UInt16.self)
    case .u32: try visitor.visit(UInt32.self)
    case .u64: try visitor.visit(UInt64.self)
    case .f16, .bf16, .f8e4m3, .f8e5m2, .bool: throw ONNXError.unsupported(self)
    }
  }

  /// - Throws: `ONNXError.invalid` for anything but F32 and F64.
  func dispatch<V: RealVisitor>(_ visitor: V) throws -> V.Result {
    switch self {
    case .f32: try visitor.visit(Float.self)
    case .f64: try visitor.visit(Double.self)
    default: throw ONNXError.unsupported(self)
    }
  }

  /// - Throws: `ONNXError.invalid` for anything but whole numbers.
  func dispatch<V: WholeVisitor>(_ visitor: V) throws -> V.Result {
    switch self {
    case .i8: try visitor.visit(Int8.self)
    case .i16: try visitor.visit(Int16.self)
    case .i32: try visitor.visit(Int32.self)
    case .i64: try visitor.visit(Int64.self)
    case .u8: try visitor.visit(UInt8.self)
    case .u16: try visitor.visit(UInt16.self)
    case .u32: try visitor.visit(UInt32.self)
    case .u64: try visitor.visit(UInt64.self)
    default: throw ONNXError.unsupported(self)
    }
  }

  /// By the size of an element alone.
  func dispatchWords<V: WordVisitor>(_ visitor: V) -> V.Result {
    switch byteCount {
    case 1: visitor.visit(UInt8.self)
    case 2: visitor.visit(UInt16.self)
    case 4: visitor.visit(UInt32.self)
    default: visitor.visit(UInt64.self)
    }
  }
}

extension ONNXError {
  /// For an operand of a type that the operator does not take.
  static func unsupported(_ type: DType) -> ONNXError {
    .invalid("element type \(type.rawValue) is not supported")
  }
}
