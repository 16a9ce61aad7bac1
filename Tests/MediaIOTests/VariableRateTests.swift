import Foundation
import MediaIO
import TestSupport
import Testing

/// Videos of a varying frame rate, whose brightness tells the time: picture n of 25 a second is 2n + 16.
struct VariableRateTests {
  struct Case: Sendable, CustomTestStringConvertible {
    /// What is done with 100 pictures of 25 a second.
    let filter: String
    let rate: Rational
    let name: String

    var testDescription: String { "\(filter), \(name)" }
  }

  // Matroska's header names 25 whatever is missing; an MP4 has only the average.
  static let cases = ["a.mkv", "a.mp4"].flatMap { name in
    let hasHeader = name == "a.mkv"
    return [
      // A tenth is missing; every other one; all but a few in the middle; random ones.
      ("select='not(eq(mod(n,10),3))'", Rational(25)),
      ("select='not(mod(n,2))'", hasHeader ? Rational(25) : Rational(25, 2)),
      ("select='not(between(n,30,67))'", hasHeader ? Rational(25) : Rational(31, 2)),
      ("select='gt(random(3),0.15)+eq(n,0)'", Rational(25)),
      // Recordings whose clock trembles.
      ("setpts='(N+0.3*random(1))/25/TB'", Rational(25)),
    ].map { Case(filter: $0.0, rate: $0.1, name: name) }
  }

  @Test(arguments: cases) func staysInStep(_ test: Case) throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make(
      test.name, in: folder, source: "color=black:s=16x16:r=25:d=4",
      [
        "-vf", "format=gray,geq=lum='2*N+16',settb=1/1000,\(test.filter)", "-fps_mode", "vfr",
        "-c:v", test.name == "a.mkv" ? "ffv1" : "png", "-pix_fmt", "gray",
      ])
    let content = try VideoContent(reading: path, keeping: true)
    let rate = content.information.frameRate
    #expect(abs(rate.value / test.rate.value - 1) < 0.05, "\(rate)")
    #expect(abs(Double(content.count) / rate.value - 4) <= 1.5 / rate.value)
    for place in 0..<content.count {
      let shown = Double(content.pixel(8, 8, of: place)[0] - 16) / 2 / 25
      let time = Double(place) / rate.value
      // The picture of that time or the one before in the video, and no later one by over a place.
      #expect(shown <= time + 1 / rate.value + 0.02, "place \(place)")
      let isInGap = test.filter.contains("between") && (1.1...2.8).contains(time)
      #expect(isInGap || shown >= time - 1.5 / rate.value - 0.05, "place \(place)")
    }
  }
}
