import Checkpoints
import TensorCore

/// Puts the values of a mapping into a configuration.
struct ConfigurationReader {
  /// What the mapping is.
  enum Scope { case configuration, defaults, job }

  let scope: Scope

  private typealias Given = (key: ConfigurationKey, value: ConfigurationValue)

  /// - Throws: `PipelineError`.
  func read(_ root: ConfigurationValue, into configuration: inout JobConfiguration) throws {
    if root.isNull { return }
    try read(root.members(), into: &configuration)
  }

  /// - Throws: `PipelineError`.
  func read(
    _ members: [(name: String, value: ConfigurationValue)],
    into configuration: inout JobConfiguration
  ) throws {
    let sections = ConfigurationKeys.sections
    let names = sections.map(\.name)
    var given = try given(
      members.filter { !names.contains($0.name) }, among: ConfigurationKeys.outermost,
      besides: names)
    for (name, value) in members where !value.isNull {
      guard let section = sections.first(where: { $0.name == name }) else { continue }
      if scope == .job { throw misplaced(value) }
      given += try self.given(value.members(), among: section.keys)
    }
    // What is said in several words is said anew as a whole.
    for reset in ConfigurationKeys.resets
    where given.contains(where: { $0.key.names.contains(where: reset.names.contains) }) {
      reset.action(&configuration)
    }
    for (key, value) in given { try key.read(&configuration, value) }
    try checkSides(given)
    try checkDistilledSteps(given, configuration)
  }

  /// The keys of a mapping that have a value.
  ///
  /// - Parameter others: that may be meant where a key is unknown.
  private func given(
    _ members: [(name: String, value: ConfigurationValue)], among keys: [ConfigurationKey],
    besides others: [String] = []
  ) throws -> [Given] {
    var given: [Given] = []
    var former: [Int: String] = [:]
    for (name, value) in members {
      guard let index = keys.firstIndex(where: { $0.names.contains(name) }) else {
        let known = (keys.flatMap(\.names) + others).map(SimilarNames.init)
        throw PipelineError.unknownConfigurationKey(
          value.place, key: value.key ?? name, near: SimilarNames(name).nearest(of: known))
      }
      if let other = former.updateValue(name, forKey: index) {
        throw PipelineError.repeatedConfigurationKey(value.place, key: name, other: other)
      }
      if value.isNull { continue }
      if scope == .job && keys[index].isOfNetworks { throw misplaced(value) }
      given.append((keys[index], value))
    }
    return given
  }

  private func misplaced(_ value: ConfigurationValue) -> PipelineError {
    .configurationValue(
      value.place, key: value.key,
      expected: "it under 'defaults', for all jobs have the same networks", found: "it in a job")
  }

  private func checkDistilledSteps(
    _ given: [Given], _ configuration: JobConfiguration
  ) throws {
    let name = ConfigurationKeys.stepCount
    guard let value = given.first(where: { $0.key.names == [name] })?.value else { return }
    let steps =
      configuration.acceleration.distilledSteps ?? AccelerationSettings.publishedSteps
    guard try value.whole(1...Int.max) == steps.count else {
      throw value.refusal("\(steps.count), for as many are in 'denoising_step_list'")
    }
  }

  private func checkSides(_ given: [Given]) throws {
    for (side, other) in [("width", "height"), ("height", "width")] {
      guard let value = given.first(where: { $0.key.names == [side] })?.value,
        !given.contains(where: { $0.key.names == [other] })
      else { continue }
      throw PipelineError.configurationValue(
        value.place, key: value.key, expected: "'\(other)' beside it", found: "it alone")
    }
  }
}
