import Foundation
import TensorCore

/// A Swift type that holds elements of a tensor.
protocol Element: BitwiseCopyable, Equatable, Sendable {
  /// The tensors' name for it.
  static var dtype: DType { get }
}

/// Numbers that arithmetic is done in. Whole numbers wrap around where they overflow, as the
/// reference's do; nothing traps.
protocol NumericElement: Element, Comparable {
  static var zero: Self { get }
  static var one: Self { get }

  /// The least and the greatest number, infinite where there are infinities.
  static var least: Self { get }
  static var greatest: Self { get }

  static func sum(_ a: Self, _ b: Self) -> Self
  static func difference(_ a: Self, _ b: Self) -> Self
  static func product(_ a: Self, _ b: Self) -> Self

  /// Whole numbers are cut towards zero; a division by zero gives zero.
  static func quotient(_ a: Self, _ b: Self) -> Self

  /// a - b * trunc(a / b): the sign of the dividend.
  static func remainder(_ a: Self, _ b: Self) -> Self

  /// a - b * floor(a / b): the sign of the divisor.
  static func modulus(_ a: Self, _ b: Self) -> Self

  static func power(_ a: Self, _ b: Self) -> Self

  /// 0 - x; of real numbers the sign changes, of zero too.
  var negated: Self { get }

  /// Whole numbers keep what fits: the fraction is cut, NaN is 0.
  init(clamping value: Double)

  var asDouble: Double { get }
  var isNotANumber: Bool { get }

  /// What sums of them are taken in.
  associatedtype Sum: Summand
  var asSum: Sum { get }
  init(sum: Sum)

  /// The sum divided by a count; whole numbers are cut towards zero, and are 0 for no numbers.
  init(sum: Sum, over count: Int)
}

extension NumericElement {
  /// The smaller of two numbers; NaN where one is NaN.
  @inline(__always) static func smaller(_ a: Self, _ b: Self) -> Self {
    a.isNotANumber || a < b ? a : b
  }

  /// The larger of two numbers; NaN where one is NaN.
  @inline(__always) static func larger(_ a: Self, _ b: Self) -> Self {
    a.isNotANumber || a > b ? a : b
  }
}

/// What sums of numbers are taken in: float64 for real ones, int64 for whole ones.
protocol Summand: BitwiseCopyable, Sendable {
  static var zero: Self { get }
  static var one: Self { get }
  static func sum(_ a: Self, _ b: Self) -> Self
  static func product(_ a: Self, _ b: Self) -> Self
  var negated: Self { get }
  var asDouble: Double { get }
}

/// Numbers that transcendental functions are computed in.
protocol RealElement: NumericElement, BinaryFloatingPoint where Sum == Double {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func log1p(_ x: Self) -> Self
  static func expm1(_ x: Self) -> Self
  static func erf(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  static func sin(_ x: Self) -> Self
  static func cos(_ x: Self) -> Self
}

extension Bool: Element {
  static var dtype: DType { .bool }
}

// MARK: Real numbers

extension RealElement {
  static var one: Self { 1 }
  static var least: Self { -.infinity }
  static var greatest: Self { .infinity }

  @inline(__always) static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) static func difference(_ a: Self, _ b: Self) -> Self { a - b }
  @inline(__always) static func product(_ a: Self, _ b: Self) -> Self { a * b }
  @inline(__always) static func quotient(_ a: Self, _ b: Self) -> Self { a / b }

  static func remainder(_ a: Self, _ b: Self) -> Self { a.truncatingRemainder(dividingBy: b) }

  static func modulus(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
  }

  @inline(__always) var negated: Self { -self }
  init(clamping value: Double) { self.init(value) }
  @inline(__always) var asDouble: Double { Double(self) }
  @inline(__always) var isNotANumber: Bool { isNaN }

  @inline(__always) var asSum: Double { Double(self) }
  @inline(__always) init(sum: Double) { self.init(sum) }
  @inline(__always) init(sum: Double, over count: Int) { self.init(sum / Double(count)) }
}

extension Float: RealElement {
  static var dtype: DType { .f32 }
  static func exp(_ x: Float) -> Float { Foundation.exp(x) }
  static func log(_ x: Float) -> Float { Foundation.log(x) }
  static func log1p(_ x: Float) -> Float { Foundation.log1p(x) }
  static func expm1(_ x: Float) -> Float { Foundation.expm1(x) }
  static func erf(_ x: Float) -> Float { Foundation.erf(x) }
  static func tanh(_ x: Float) -> Float { Foundation.tanh(x) }
  static func sin(_ x: Float) -> Float { Foundation.sin(x) }
  static func cos(_ x: Float) -> Float { Foundation.cos(x) }

  /// The powers that exporters write for squares and roots need no logarithm.
  static func power(_ a: Float, _ b: Float) -> Float {
    b == 2 ? a * a : b == 1 ? a : Foundation.pow(a, b)
  }
}

extension Double: RealElement, Summand {
  static var dtype: DType { .f64 }
  static func exp(_ x: Double) -> Double { Foundation.exp(x) }
  static func log(_ x: Double) -> Double { Foundation.log(x) }
  static func log1p(_ x: Double) -> Double { Foundation.log1p(x) }
  static func expm1(_ x: Double) -> Double { Foundation.expm1(x) }
  static func erf(_ x: Double) -> Double { Foundation.erf(x) }
  static func tanh(_ x: Double) -> Double { Foundation.tanh(x) }
  static func sin(_ x: Double) -> Double { Foundation.sin(x) }
  static func cos(_ x: Double) -> Double { Foundation.cos(x) }
  static func atanh(_ x: Double) -> Double { Foundation.atanh(x) }
  static func acosh(_ x: Double) -> Double { Foundation.acosh(x) }
  static func asinh(_ x: Double) -> Double { Foundation.asinh(x) }
  static func cosh(_ x: Double) -> Double { Foundation.cosh(x) }
  static func sinh(_ x: Double) -> Double { Foundation.sinh(x) }
  static func atan(_ x: Double) -> Double { Foundation.atan(x) }
  static func acos(_ x: Double) -> Double { Foundation.acos(x) }
  static func asin(_ x: Double) -> Double { Foundation.asin(x) }
  static func tan(_ x: Double) -> Double { Foundation.tan(x) }

  static func power(_ a: Double, _ b: Double) -> Double {
    b == 2 ? a * a : b == 1 ? a : Foundation.pow(a, b)
  }
}

// MARK: Whole numbers

/// Whole numbers of any width.
protocol WholeElement: NumericElement, FixedWidthInteger where Sum == Int64 {}

extension WholeElement {
  static var one: Self { 1 }
  static var least: Self { .min }
  static var greatest: Self { .max }

  @inline(__always) static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inline(__always) static func difference(_ a: Self, _ b: Self) -> Self { a &- b }
  @inline(__always) static func product(_ a: Self, _ b: Self) -> Self { a &* b }

  static func quotient(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }

  static func remainder(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.remainderReportingOverflow(dividingBy: b).partialValue
  }

  static func modulus(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    return rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
  }

  @inline(__always) var negated: Self { 0 &- self }

  /// By squaring. Powers of negative exponents are cut towards zero, as fractions are.
  static func power(_ a: Self, _ b: Self) -> Self {
    if b < 0 { return Self(clamping: Foundation.pow(a.asDouble, b.asDouble)) }
    var (result, square, rest) = (Self.one, a, b)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }

  init(clamping value: Double) {
    if value.isNaN {
      self = 0
    } else if value <= Double(Self.min) {
      self = .min
    } else {
      // The greatest of a wide type rounds up to what is already too large.
      self = value >= Double(Self.max) ? .max : Self(value)
    }
  }

  @inline(__always) var asDouble: Double { Double(self) }
  @inline(__always) var isNotANumber: Bool { false }

  @inline(__always) var asSum: Int64 { Int64(truncatingIfNeeded: self) }
  @inline(__always) init(sum: Int64) { self.init(truncatingIfNeeded: sum) }
  init(sum: Int64, over count: Int) {
    self.init(truncatingIfNeeded: Int64.quotient(sum, Int64(count)))
  }
}

extension Int8: WholeElement { static var dtype: DType { .i8 } }
extension Int16: WholeElement { static var dtype: DType { .i16 } }
extension Int32: WholeElement { static var dtype: DType { .i32 } }
extension Int64: WholeElement, Summand { static var dtype: DType { .i64 } }
extension UInt8: WholeElement { static var dtype: DType { .u8 } }
extension UInt16: WholeElement { static var dtype: DType { .u16 } }
extension UInt32: WholeElement { static var dtype: DType { .u32 } }
extension UInt64: WholeElement { static var dtype: DType { .u64 } }
