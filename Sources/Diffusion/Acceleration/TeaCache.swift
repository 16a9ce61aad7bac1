/// Which steps the timestep-embedding cache computes (TeaCache, arXiv 2411.19108; published for
/// Wan2.1-I2V-14B-720P).
package struct TeaCache: Sendable, Equatable, Codable {
  /// The sum of rescaled distances at which a step is computed.
  package var threshold = 0.1
  /// The first steps, which are always computed.
  package var startSteps = 5

  package init() {}
}
