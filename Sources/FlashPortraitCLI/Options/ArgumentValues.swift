import ArgumentParser
import Diffusion
import MediaIO
import PortraitModels
import PortraitPipeline
import TensorCore

extension Arithmetic: ExpressibleByArgument {}

/// The arithmetic of networks that have no 8-bit form.
enum FloatingArithmetic: String, ExpressibleByArgument, CaseIterable {
  case bf16, f32

  var arithmetic: Arithmetic { self == .bf16 ? .bf16 : .f32 }
}

extension FaceOptions.Tracking: ExpressibleByArgument {}

extension FaceChoice: ExpressibleByArgument {
  package init?(argument: String) {
    do { try self.init(argument) } catch { return nil }
  }
}

extension SamplerKind: ExpressibleByArgument {
  /// Ours, or as published: `Flow`, `Flow_Unipc`, `Flow_DPM++`.
  package init?(argument: String) {
    self.init(rawValue: argument.lowercased().replacing("_", with: "-"))
  }
}

extension MemoryMode: ExpressibleByArgument {}

extension JobParameters.Length: ExpressibleByArgument {}

extension JobParameters.NoiseGenerator: ExpressibleByArgument {}

extension VideoWriterOptions.Preset: ExpressibleByArgument {}

/// Frames a second as `N`, `N/D` or a decimal number, which is taken as it is written.
struct FrameRateArgument: ExpressibleByArgument, Equatable {
  let rate: Rational

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = Self.decimal(parts[0]) else { return nil }
    guard parts.count == 2 else {
      rate = Rational(reducing: first.digits, first.scale)
      return
    }
    guard let second = Self.decimal(parts[1]), first.scale == 1, second.scale == 1,
      second.digits > 0
    else { return nil }
    rate = Rational(reducing: first.digits, second.digits)
  }

  /// Of "29.97": 2997 and 100.
  private static func decimal(_ text: Substring) -> (digits: Int, scale: Int)? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count == 2 ? parts[1] : ""
    // Nine digits of each keep the ratio within Int.
    guard (1...2).contains(parts.count), (1...9).contains(parts[0].count), fraction.count <= 6,
      (parts[0] + fraction).allSatisfy({ $0.isASCII && $0.isNumber }),
      let digits = Int(parts[0] + fraction)
    else { return nil }
    return (digits, fraction.reduce(1) { scale, _ in scale * 10 })
  }
}
