import MediaIO
import TestSupport
import Testing

/// The constant grid, without any video.
struct FrameTimelineTests {
  /// The numbers of the frames that are shown, place by place.
  private func shown(
    _ timestamps: [Double?], rate: Rational, declared: Double? = nil, last: Double = 0
  ) -> [Int] {
    var timeline = FrameTimeline(rate: rate, declaredDuration: declared)
    var places: [Int] = []
    for (number, timestamp) in timestamps.enumerated() {
      guard case .shown(let repeats) = timeline.place(timestamp) else { continue }
      if let previous = places.last {
        places += [Int](repeating: previous, count: repeats)
      }
      places.append(number)
    }
    if let previous = places.last {
      places += [Int](repeating: previous, count: timeline.repeatsAtEnd(duration: last))
    }
    return places
  }

  @Test(arguments: [Rational(25), Rational(30000, 1001), Rational(24000, 1001), Rational(240)])
  func regularFramesStay(_ rate: Rational) {
    // From any start, with timestamps in whole milliseconds, over an hour.
    let count = Int(3600 * rate.value)
    let times = (0..<count).map { (7.3 + Double($0) / rate.value) * 1000 }
    #expect(shown(times.map { $0.rounded() / 1000 }, rate: rate).elementsEqual(0..<count))
  }

  @Test func tremblingFramesStay() {
    var generator = SeededGenerator(seed: 1)
    let times = (0..<1000).map { Double($0) / 30 + Double.random(in: 0...0.009, using: &generator) }
    #expect(shown(times, rate: Rational(30)).elementsEqual(0..<1000))
  }

  @Test func missingFramesAreRepeated() {
    #expect(shown([0, 0.1, 0.4, 0.5], rate: Rational(10)) == [0, 1, 1, 1, 2, 3])
  }

  @Test func tooManyFramesAreDropped() {
    let places = shown((0..<100).map { Double($0) / 60 }, rate: Rational(30))
    #expect((50...51).contains(places.count))
    #expect(zip(places, places.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func lastFrameKeepsItsDuration() {
    #expect(shown([0, 0.1], rate: Rational(10), last: 0.3) == [0, 1, 1, 1])
    #expect(shown([0, 0.1], rate: Rational(10), last: 0.1) == [0, 1])
  }

  @Test func soundStaysInStep() {
    // Any pattern of gaps: a frame is never more than a place from its time.
    var generator = SeededGenerator(seed: 2)
    var (time, times) = (0.0, [Double]())
    for _ in 0..<2000 {
      times.append(time)
      time += Double.random(in: 0.005...0.2, using: &generator)
    }
    var timeline = FrameTimeline(rate: Rational(30), declaredDuration: nil)
    var place = 0
    for time in times {
      guard case .shown(let repeats) = timeline.place(time) else { continue }
      place += repeats + 1
      #expect(abs(Double(place - 1) - time * 30) <= 1)
    }
  }

  @Test func missingTimestampsCountOn() {
    #expect(shown([nil, nil, nil], rate: Rational(25)) == [0, 1, 2])
    #expect(shown([0, nil, nil, 0.12, 0.16], rate: Rational(25)) == [0, 1, 2, 3, 4])
    #expect(shown([nil, 5, 5.04], rate: Rational(25)) == [0, 1, 2])
  }

  @Test func equalTimestampsCountOn() {
    #expect(shown([0, 0, 0, 0], rate: Rational(25)) == [0, 1, 2, 3])
  }

  @Test func absurdTimestampsAreNotBelieved() {
    // Backwards, beyond the declared end, and so far that adding up would lose everything.
    #expect(shown([100, 100.1, 3, 3.1], rate: Rational(10)) == [0, 1, 2, 3])
    #expect(shown([0, 0.1, 500, 500.1], rate: Rational(10), declared: 1) == [0, 1, 2, 3])
    #expect(shown([0, 0.1, 9e15, 9e15], rate: Rational(10)) == [0, 1, 2, 3])
    #expect(shown([0, -9e15, 0.1], rate: Rational(10)) == [0, 1, 2])
    // A long slide that fits the declared duration is one.
    #expect(shown([0, 30], rate: Rational(1), declared: 31).count == 31)
  }

  struct RateCase: Sendable {
    let average: Rational?
    let base: Rational?
    let rate: Rational

    init(_ average: Rational?, _ base: Rational?, _ rate: Rational) {
      (self.average, self.base, self.rate) = (average, base, rate)
    }
  }

  @Test(arguments: [
    RateCase(Rational(30000, 1001), Rational(30000, 1001), Rational(30000, 1001)),
    RateCase(Rational(2997, 100), Rational(2997, 100), Rational(30000, 1001)),
    RateCase(Rational(989, 33), Rational(30000, 1001), Rational(30000, 1001)),
    RateCase(Rational(30), Rational(30), Rational(30)),
    // A tenth of the frames is missing; half of them are; ticks of a clock.
    RateCase(Rational(27), Rational(30), Rational(30)),
    RateCase(Rational(31), Rational(60), Rational(31)),
    RateCase(Rational(2994, 100), Rational(90000), Rational(30000, 1001)),
    RateCase(Rational(270_000, 9001), Rational(90000), Rational(30)),
    RateCase(Rational(123_457, 5000), Rational(90000), Rational(25)),
    // Unusual but constant.
    RateCase(Rational(100, 3), Rational(100, 3), Rational(100, 3)),
    RateCase(Rational(1), Rational(1), Rational(1)),
    RateCase(nil, Rational(24), Rational(24)),
    RateCase(Rational(24), nil, Rational(24)),
    RateCase(nil, nil, Rational(25)),
    RateCase(Rational(1_000_000), Rational(1, 100_000), Rational(25)),
  ])
  func rates(_ test: RateCase) {
    #expect(ConstantFrameRate.choose(average: test.average, base: test.base) == test.rate)
  }
}
