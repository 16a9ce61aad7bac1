import TensorCore

/// A run between two windows: all that the rest of it depends on.
///
/// It holds two copies of the latents, which the run writes to in turn: copies of the state share them,
/// so only the newest one counts.
package struct DenoisingState: Sendable {
  /// Steps that are done.
  package internal(set) var step = 0
  /// Windows of the step in hand that are done.
  package internal(set) var window = 0
  /// `[16, T, H, W]` float32: all latents when the step in hand began.
  package internal(set) var latents: Tensor
  /// Of the same shape: what the step's windows have written so far; between two steps, what the
  /// last one began with.
  package internal(set) var output: Tensor
  /// What the sampler remembers of each window.
  package internal(set) var histories: [SamplerHistory]
  /// What each window's passes have left for the steps that are not computed; whoever computes them
  /// keeps it.
  package var passes: [PassHistory]

  /// The beginning of a run.
  ///
  /// - Parameter noise: `[16, T, H, W]` float32, contiguous and writable; taken over: the second step
  ///   overwrites it.
  /// - Throws: `TensorError.outOfMemory`.
  package init(noise: Tensor, windowCount: Int) throws {
    precondition(noise.dtype == .f32 && noise.isContiguous && windowCount > 0, "no noise like that")
    latents = noise
    output = try Tensor(zeros: noise.shape, dtype: .f32)
    histories = [SamplerHistory](repeating: SamplerHistory(), count: windowCount)
    passes = [PassHistory](repeating: PassHistory(), count: windowCount)
  }

  /// The passes that the rest of the run is made from.
  package var keptPasses: Set<KeptPass> {
    Set(passes.enumerated().flatMap { $1.keptPasses(ofWindow: $0) })
  }

  // MARK: Keeping a run

  /// What has to be kept, besides the numbers of step and window and the passes, to take the run up again: by names
  /// for a file.
  package var tensors: [(name: String, tensor: Tensor)] {
    // Between two steps nothing of the output counts.
    let all = [(Self.latentsName, latents)] + (window > 0 ? [(Self.outputName, output)] : [])
    return all
      + histories.enumerated().flatMap { number, history in
        history.tensors.sorted { $0.key < $1.key }.map {
          (Self.prefix(ofWindow: number) + $0.key, $0.value)
        }
      }
  }

  /// A run that was kept, which goes on to the very bytes.
  ///
  /// - Parameters:
  ///   - passes: one for each window.
  ///   - tensors: by the names of `tensors`; they are copied, so they may be those of a mapped file
  ///     that is going to be replaced. Others are ignored.
  /// - Throws: `DiffusionError.incompleteState`, `TensorError`.
  package init(
    step: Int, window: Int, passes: [PassHistory], tensors: [String: Tensor],
    on context: ComputeContext = .shared
  ) throws {
    func latents(_ name: String, shape: Shape? = nil) throws -> Tensor {
      guard let tensor = tensors[name], tensor.dtype == .f32, tensor.shape == shape ?? tensor.shape
      else { throw DiffusionError.incompleteState(missing: name, step: step) }
      return try tensor.copied(on: context)
    }
    guard step >= 0, passes.indices.contains(window) else {
      throw DiffusionError.incompleteState(missing: "window \(window)", step: step)
    }
    self.step = step
    self.window = window
    self.latents = try latents(Self.latentsName)
    output =
      window == 0
      ? try Tensor(zeros: self.latents.shape, dtype: .f32)
      : try latents(Self.outputName, shape: self.latents.shape)
    self.passes = passes
    histories = try passes.indices.map { number in
      let prefix = Self.prefix(ofWindow: number)
      var history = SamplerHistory()
      for (name, tensor) in tensors where name.hasPrefix(prefix) {
        history.tensors[String(name.dropFirst(prefix.count))] = try tensor.copied(on: context)
      }
      return history
    }
  }

  private static let latentsName = "latents"
  private static let outputName = "output"

  private static func prefix(ofWindow number: Int) -> String { "window.\(number)." }
}
