import ArgumentParser
import TensorCore

/// Options of every benchmark.
struct BenchmarkOptions: ParsableArguments {
  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp("Timed repeats, 1 to 1000; the median counts.", valueName: "n"))
  var repeats = 7

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard (1...1000).contains(repeats) else {
      throw ValidationError("--repeat \(repeats): expected 1 to 1000")
    }
  }

  /// A size from the command line.
  ///
  /// - Throws: `ValidationError` where it is not from 1 to 16,777,216.
  static func check(_ name: String, _ value: Int) throws {
    guard (1...(1 << 24)).contains(value) else {
      throw ValidationError("--\(name) \(value): expected 1 to \(1 << 24)")
    }
  }
}

extension BenchmarkOptions {
  /// Arithmetic of a network or kernel that has no 8-bit form.
  ///
  /// - Throws: `ValidationError`.
  static func check(floating dtype: Arithmetic) throws {
    if dtype == .int8 { throw ValidationError("--dtype int8: expected bf16 or f32") }
  }
}

/// A command that times one operation: `run` comes with it.
protocol BenchmarkCommand: ComputingCommand {
  var benchmark: BenchmarkOptions { get }

  /// Makes the inputs and the operation to time.
  ///
  /// - Throws: `TensorError`.
  func operation(on context: ComputeContext) throws -> MeasuredOperation
}

extension BenchmarkCommand {
  func run() throws {
    let context = ComputeContext.shared
    let report = try BenchmarkHarness(context: context, repeats: benchmark.repeats)
      .measure(operation(on: context))
    if benchmark.json {
      try Console.current.printResult(jsonText(report))
    } else {
      for line in report.lines { try Console.current.printResult(line) }
    }
  }
}
