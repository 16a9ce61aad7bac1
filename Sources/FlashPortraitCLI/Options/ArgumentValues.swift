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
    guard let rate = Rational(text: argument) else { return nil }
    self.rate = rate
  }
}
