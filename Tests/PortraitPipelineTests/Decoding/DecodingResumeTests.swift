import Foundation
import PortraitPipeline
import TestSupport
import Testing

/// However often decoding is stopped, its pieces have the bytes of a run that was not.
@Suite struct DecodingResumeTests {
  private static func clip(_ network: DecodedClip.Network) -> DecodedClip {
    var clip = DecodedClip()
    clip.network = network
    return clip
  }

  /// Stops a run at an event.
  ///
  /// - Returns: whether it was stopped; the run was over before otherwise.
  private static func stop(
    _ clip: DecodedClip, in folder: String, atEvent limit: Int,
    _ report: (JobEvent) -> Void = { _ in }
  ) throws -> Bool {
    var count = 0
    do {
      _ = try clip.decode(in: folder) { event in
        report(event)
        if count == limit { throw DecodedClip.Stop() }
        count += 1
      }
      return false
    } catch is DecodedClip.Stop { return true }
  }

  @Test(arguments: DecodedClip.Network.allCases)
  func aRunMayBeStoppedAtEveryEvent(network: DecodedClip.Network) throws {
    let clip = Self.clip(network)
    let expected = try clip.undisturbed()
    #expect(expected.count == 3)
    var event = 0
    var resumed: Set<Int> = []
    while true {
      let folder = try TemporaryFolder()
      guard try Self.stop(clip, in: folder.path, atEvent: event) else { break }
      var notes: [String] = []
      let paths = try clip.decode(in: folder.path) {
        if case .began(_, _, let count) = $0 { resumed.insert(count) }
        if case .note(let text) = $0 { notes.append(text) }
      }
      #expect(try DecodedClip.contents(paths) == expected, "stopped at event \(event)")
      #expect(notes.isEmpty, "stopped at event \(event): \(notes)")
      event += 1
    }
    // Beginning, one for each latent frame, end.
    #expect(event == 39)
    // A run goes on behind the pieces that are whole; one that is stopped behind a piece keeps it.
    #expect(resumed == [0, 60, 124])
  }

  @Test func aRunMayBeStoppedOverAndOver() throws {
    let clip = Self.clip(.full)
    let expected = try clip.undisturbed()
    let folder = try TemporaryFolder()
    var runs = 0
    // Enough for a piece and a little more.
    while try Self.stop(clip, in: folder.path, atEvent: 20) { runs += 1 }
    #expect((1...3).contains(runs))
    var events: [JobEvent] = []
    let paths = try clip.decode(in: folder.path) { events.append($0) }
    #expect(try DecodedClip.contents(paths) == expected)
    guard events.count == 1, case .kept(.decoding) = events[0] else {
      Issue.record("\(events)")
      return
    }
  }

  /// Killed by the system, in the middle of whatever it is doing.
  @Test(arguments: 0..<12)
  func aKilledRunIsTakenUp(number: Int) async throws {
    let clip = Self.clip(.tiny)
    let expected = try clip.undisturbed()
    let folder = try TemporaryFolder()
    let path = folder.path
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [clip = clip as DecodedClip, path = path as String, number = number as Int] in
      var count = 0
      // Some while it decodes or writes, the others in between.
      let delay = UInt32(number % 4) * 3_000
      _ = try clip.decode(in: path) { _ in
        count += 1
        guard count == 1 + 3 * number else { return }
        if delay == 0 { kill(getpid(), SIGKILL) }
        Thread.detachNewThread {
          usleep(delay)
          kill(getpid(), SIGKILL)
        }
      }
      sleep(10)
    }
    let paths = try clip.decode(in: path)
    #expect(try DecodedClip.contents(paths) == expected)
    // Nothing but the pieces and the record is left.
    let names = try FileManager.default.contentsOfDirectory(atPath: path + "/video").sorted()
    #expect(names == ["decoder.safetensors"] + expected.keys.sorted())
  }

  // MARK: Damage

  /// What happens to a folder behind a stopped run's back, and what the next one says.
  struct Accident: Sendable, CustomStringConvertible {
    let description: String
    let note: String
    let happen: @Sendable (_ folder: String) throws -> Void
  }

  private static let record = "/video/decoder.safetensors"
  private static let piece = "/video/piece-00000.mp4"

  static let accidents = [
    Accident(description: "no record", note: "missing") {
      try FileManager.default.removeItem(atPath: $0 + record)
    },
    Accident(description: "no piece", note: "missing or was changed") {
      try FileManager.default.removeItem(atPath: $0 + piece)
    },
    Accident(description: "a short piece", note: "missing or was changed") {
      let url = URL(fileURLWithPath: $0 + piece)
      try Data(contentsOf: url).dropLast().write(to: url)
    },
    Accident(description: "half a record", note: "cannot be used") {
      let url = URL(fileURLWithPath: $0 + record)
      let data = try Data(contentsOf: url)
      try data.prefix(data.count / 2).write(to: url)
    },
    Accident(description: "an empty record", note: "cannot be used") {
      try Data().write(to: URL(fileURLWithPath: $0 + record))
    },
    Accident(description: "another place in the clip", note: "starts over") {
      let url = URL(fileURLWithPath: $0 + record)
      let data = try Data(contentsOf: url)
      let header = String(decoding: data.prefix(1 << 13), as: Unicode.ASCII.self)
      guard let range = header.range(of: "\"latent_frames\":\"16\"") else {
        throw DecodedClip.Stop()
      }
      let place = header.distance(from: header.startIndex, to: range.upperBound) - 3
      try (data.prefix(place) + "15".utf8 + data.dropFirst(place + 2)).write(to: url)
    },
    Accident(description: "another decoder", note: "starts over") {
      let url = URL(fileURLWithPath: $0 + record)
      let data = try Data(contentsOf: url)
      guard let range = data.range(of: Data("decoder, ".utf8)) else { throw DecodedClip.Stop() }
      try (data.prefix(range.lowerBound) + "encoder, ".utf8 + data.dropFirst(range.upperBound))
        .write(to: url)
    },
  ]

  @Test(arguments: accidents, [DecodedClip.Network.full, .tiny])
  func whatIsDamagedIsMadeAgain(accident: Accident, network: DecodedClip.Network) throws {
    let clip = Self.clip(network)
    let expected = try clip.undisturbed()
    let folder = try TemporaryFolder()
    #expect(try Self.stop(clip, in: folder.path, atEvent: 25))
    try accident.happen(folder.path)
    var notes: [String] = []
    var resumed: Int?
    let paths = try clip.decode(in: folder.path) {
      if case .note(let text) = $0 { notes.append(text) }
      if case .began(_, _, let count) = $0 { resumed = count }
    }
    #expect(notes.count == 1 && notes[0].contains(accident.note), "\(notes)")
    #expect(resumed == 0)
    #expect(try DecodedClip.contents(paths) == expected)
  }

  @Test func whatWasMadeOfOtherLatentsIsMadeAgain() throws {
    let clip = Self.clip(.tiny)
    let expected = try clip.undisturbed()
    for change in [
      { $0.seed = "others" }, { $0.quality = 30 }, { $0.keeping = 1..<144 },
      { $0.latentFrames = 60 },
    ] as [(inout DecodedClip) -> Void] {
      let folder = try TemporaryFolder()
      var other = clip
      change(&other)
      _ = try other.decode(in: folder.path)
      var notes: [String] = []
      let paths = try clip.decode(in: folder.path) {
        if case .note(let text) = $0 { notes.append(text) }
      }
      #expect(notes.count == 1 && notes[0].contains("was made with a different"), "\(notes)")
      #expect(try DecodedClip.contents(paths) == expected)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/video")
      #expect(names.count == 4)
    }
  }

  /// A run with other settings that stopped before it wrote a record must not leave pieces behind
  /// that the first settings' record counts as its own.
  @Test func aRecordNeverCountsPiecesOfOthers() throws {
    let clip = Self.clip(.tiny)
    let expected = try clip.undisturbed()
    let folder = try TemporaryFolder()
    #expect(try Self.stop(clip, in: folder.path, atEvent: 25))
    var other = clip
    other.seed = "others"
    #expect(try Self.stop(other, in: folder.path, atEvent: 3))
    let paths = try clip.decode(in: folder.path)
    #expect(try DecodedClip.contents(paths) == expected)
  }

  @Test func errorsOfTheLatentsAreHandedOn() throws {
    let clip = Self.clip(.tiny)
    let folder = try TemporaryFolder()
    #expect(throws: DecodedClip.Stop.self) {
      _ = try clip.decode(in: folder.path) { event in
        if case .advanced(_, 8) = event { throw DecodedClip.Stop() }
      }
    }
    // The piece in hand is gone.
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/video")
    #expect(names.isEmpty, "\(names)")
  }
}
