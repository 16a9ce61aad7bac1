import Diffusion
import Testing

/// Which steps are full, and what may be asked for.
@Suite struct LatentPredictionTests {
  private func prediction(interval: Int) -> LatentPrediction {
    var prediction = LatentPrediction()
    prediction.interval = interval
    return prediction
  }

  @Test(arguments: [
    (30, 5, [0, 5, 10, 15, 20, 25, 29]), (31, 5, [0, 5, 10, 15, 20, 25, 30]),
    (32, 5, [0, 5, 10, 15, 20, 25, 30, 31]), (4, 1, [0, 1, 2, 3]), (4, 2, [0, 2, 3]),
    (4, 100, [0, 3]), (2, 5, [0, 1]), (1, 5, [0]), (9, 8, [0, 8]), (0, 5, []),
  ])
  func fullSteps(of count: Int, interval: Int, steps: [Int]) {
    #expect(prediction(interval: interval).fullSteps(of: count) == steps)
  }

  /// After a fallback the interval begins anew.
  @Test func fallbacksMoveTheFullSteps() {
    let prediction = prediction(interval: 5)
    var lastFull: Int?
    let full = (0..<30).filter { step in
      let isFull = prediction.isFull(step: step, lastFull: lastFull, of: 30) || step == 7
      if isFull { lastFull = step }
      return isFull
    }
    #expect(full == [0, 5, 7, 12, 17, 22, 27, 29])
  }

  @Test func publishedOptionsAreTheDefaults() throws {
    let prediction = LatentPrediction()
    #expect(prediction.order == 3 && prediction.interval == 5 && prediction.alpha == 1.5)
    #expect(prediction.isDynamic && prediction.nodeLimit == 4)
    try prediction.validate()
    #expect(TeaCache().threshold == 0.1 && TeaCache().startSteps == 5)
    try TeaCache().validate()
  }

  @Test func optionsOutOfRangeAreRefused() throws {
    func refused(
      _ expected: String, _ found: String, _ option: String,
      _ change: (inout LatentPrediction) -> Void
    ) {
      var prediction = LatentPrediction()
      change(&prediction)
      let error = DiffusionError.acceleration(option: option, expected: expected, found: found)
      #expect(throws: error) { try prediction.validate() }
    }
    refused("0 to 4", "5", "order of the latent prediction") { $0.order = 5 }
    refused("0 to 4", "-1", "order of the latent prediction") { $0.order = -1 }
    refused("1 to 1000", "0", "interval of the latent prediction") { $0.interval = 0 }
    refused("0.0 to 10.0", "-0.5", "alpha of the latent prediction") { $0.alpha = -0.5 }
    refused("0.0 to 10.0", "nan", "alpha of the latent prediction") { $0.alpha = .nan }
    for (threshold, startSteps) in [(-0.1, 5), (.infinity, 5), (.nan, 5), (0.1, 0)] {
      var cache = TeaCache()
      (cache.threshold, cache.startSteps) = (threshold, startSteps)
      #expect(throws: DiffusionError.self) { try cache.validate() }
    }
    let error = DiffusionError.acceleration(option: "order", expected: "0 to 4", found: "5")
    #expect(error.description == "order: expected 0 to 4, found 5")
  }
}
