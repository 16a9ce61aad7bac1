import TensorCore
import TestSupport
import Testing

/// Every file of the golden folder, whatever its name: `FLASHPORTRAIT_GOLDEN` names another folder.
///
/// One case at a time: the largest hold weights of more than a gigabyte.
@Suite(.serialized) struct GoldenSuite {
  @Test(arguments: try GoldenFolder.chosen.cases().filter { !$0.isPending && !$0.isLeftOut })
  func golden(_ golden: GoldenCase) throws {
    let wrong = try GoldenFolder.chosen.differences(of: golden)
    if !wrong.isEmpty { Issue.record("\(golden):\n\(wrong.joined(separator: "\n"))") }
  }

  /// Says how many files were compared, and lists what was not: a warning, not a failure.
  @Test func folderIsCounted() throws {
    let cases = try GoldenFolder.chosen.cases()
    let pending = cases.filter(\.isPending)
    let leftOut = cases.filter(\.isLeftOut)
    let files = Set(cases.map(\.path)).count
    print(
      "golden folder \(GoldenFolder.chosen.path): \(files - pending.count) files compared in "
        + "\(cases.count - pending.count - leftOut.count) ways, \(pending.count) pending")
    if !pending.isEmpty {
      let names = pending.map { "\($0.name) (\($0.kind))" }.joined(separator: ", ")
      Issue.record(
        "\(pending.count) of \(files) golden files are pending: \(names)", severity: .warning)
    }
    for golden in leftOut { Issue.record("\(golden)", severity: .warning) }
  }

  @Test func noKindIsBothPendingAndRunnable() {
    #expect(GoldenFolder.chosen.staleKinds == [])
  }
}
