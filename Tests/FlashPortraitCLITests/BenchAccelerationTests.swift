import Foundation
import TestSupport
import Testing

@Suite struct BenchAccelerationTests {
  private static let oneModel = ["bench", "alp", "--models", "1"]

  @Test func report() async throws {
    let run = await CommandRun.inProcess(
      arguments: Self.oneModel
        + ["--steps", "8", "--intervals", "3", "--orders", "2", "--json"])
    #expect(run.status == 0, "\(run.messages)")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let sections = try #require(report["sections"] as? [[String: Any]])
    let results = try sections.map { try #require($0["results"] as? [[String: Any]]) }
    // Three samplers; by series, clock and functions.
    #expect(results.map(\.count) == [9, 9, 9, 8])
    for result in results[3] {
      // Steps 0, 3, 6 and the last.
      let fallbacks = try #require(result["fallbacks"] as? Double)
      #expect(fallbacks > 0 || result["computed_steps"] as? Double == 4)
      let distances = try #require(result["distances"] as? [Double])
      #expect(distances.count == 1 && distances.allSatisfy { $0 > 0 && $0 < 0.5 })
    }
    let smoothness = try #require(report["smoothness"] as? [String: Any])
    #expect((smoothness["differences"] as? [Double])?.count == 4)
  }

  @Test func table() async {
    let run = await CommandRun.inProcess(
      arguments: Self.oneModel + ["--steps", "4", "--intervals", "3", "--orders", "1"])
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.output.contains("\n  K 3, n 1, newton, steps, dynamic "))
    #expect(run.output.contains("\n  TeaCache, 1 first step computed "))
  }

  @Test(arguments: ["--models 0", "--steps 1", "--intervals 0", "--orders 9"])
  func limits(line: String) async {
    let run = await CommandRun.inProcess(
      arguments: ["bench", "alp"] + line.split(separator: " ").map(String.init))
    #expect(run.status == 64, "\(run.messages)")
    #expect(run.messages.contains(line.split(separator: " ")[0]))
  }
}
