import TensorCore

/// A short trial of the chosen kernels: a machine that claims instructions it does not execute
/// correctly (some emulators) is found here and not in a spoilt video.
enum KernelSelfCheck {
  /// - Throws: `CommandError.machineUnusable`.
  static func run(on context: ComputeContext) throws {
    // Exact in bfloat16, so that rounding cannot hide a fault; odd, so that vectors have a rest.
    let values = (0..<1027).map { Float($0 % 256 - 128) }
    let tensor = try Tensor(values, shape: [values.count])
    let back = try tensor.converted(to: .bf16, on: context).floats(on: context)
    guard back == values else {
      throw CommandError.machineUnusable(
        reason: "its \(context.instructionSet.rawValue) instructions give wrong results; "
          + "set FLASHPORTRAIT_ISA to a lower level")
    }
  }
}
