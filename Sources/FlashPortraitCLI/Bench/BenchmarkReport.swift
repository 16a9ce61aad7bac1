import Foundation
import TensorCore

/// The figures of one benchmark. The ratio is the claim; rates alone drift with the machine.
struct BenchmarkReport: Encodable {
  let name: String
  let dtype: String
  let parameters: [(name: String, value: Int)]
  let secondsMedian: Double
  let secondsMinimum: Double
  let repeats: Int
  let gflops: Double
  let peakGflops: Double
  let shareOfPeak: Double
  /// Of the whole process, inputs and all; nil where the system does not tell.
  let peakMemoryBytes: Int?
  let notes: [MeasuredOperation.Note]
  let isa: String
  let threads: Int
  let processor: String

  init(
    _ operation: MeasuredOperation, samples: [Double], peaks: [Double],
    on context: ComputeContext
  ) {
    name = operation.name
    dtype = operation.arithmetic.rawValue
    parameters = operation.parameters
    secondsMedian = median(samples)
    secondsMinimum = samples.min() ?? 0
    repeats = samples.count
    gflops = operation.operations / secondsMedian * 1e-9
    peakGflops = median(peaks) * 1e-9
    shareOfPeak = gflops / peakGflops
    peakMemoryBytes = SystemMemory.peakResident()
    notes = operation.notes()
    isa = context.instructionSet.rawValue
    threads = context.pool.threadCount
    processor = Processor.name
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// One flat object: the parameters stand beside the figures.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    func encode(_ value: some Encodable, _ key: String) throws {
      try container.encode(value, forKey: Key(stringValue: key))
    }
    for parameter in parameters { try encode(parameter.value, parameter.name) }
    try encode(name, "benchmark")
    try encode(dtype, "dtype")
    try encode(secondsMedian, "seconds_median")
    try encode(secondsMinimum, "seconds_min")
    try encode(repeats, "repeats")
    try encode(gflops, "gflops")
    try encode(peakGflops, "peak_gflops")
    try encode(shareOfPeak, "share_of_peak")
    if let peakMemoryBytes { try encode(peakMemoryBytes, "peak_memory_bytes") }
    for note in notes { try encode(note.value, note.key) }
    try encode(isa, "isa")
    try encode(threads, "threads")
    try encode(processor, "processor")
  }

  /// The report for people.
  var lines: [String] {
    var table = TextTable([.left, .left], indent: "  ")
    let sizes = parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    if !sizes.isEmpty { table.add("sizes", sizes) }
    table.add("arithmetic", dtype)
    table.add("kernels", "\(isa), \(formatCount(threads, "thread"))")
    table.add(
      "time",
      "\(Self.formatSeconds(secondsMedian)) median, \(Self.formatSeconds(secondsMinimum)) least of \(repeats)"
    )
    table.add("rate", "\(rate(gflops))")
    table.add("peak", "\(rate(peakGflops)) in registers, measured in turns")
    table.add("share of peak", String(format: "%.1f %%", shareOfPeak * 100))
    if let peakMemoryBytes { table.add("memory", formatBytes(peakMemoryBytes) + " at its peak") }
    for note in notes { table.add(note.title, note.text) }
    return [name] + table.lines
  }

  private func rate(_ gflops: Double) -> String {
    gflops >= 1000
      ? String(format: "%.2f TFLOP/s", gflops / 1000) : String(format: "%.1f GFLOP/s", gflops)
  }

  static func formatSeconds(_ seconds: Double) -> String {
    seconds >= 1
      ? String(format: "%.3f s", seconds)
      : seconds >= 1e-3
        ? String(format: "%.3f ms", seconds * 1e3) : String(format: "%.3f us", seconds * 1e6)
  }
}

/// The middle value; the mean of the two in the middle of an even number.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return 0 }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1
    ? sorted[middle] : (sorted[middle - 1] + (middle < sorted.count ? sorted[middle] : last)) / 2
}
