import PortraitModels
import TensorCore
import Testing

/// Whose face is taken, and that it stays that one's.
@Suite struct FaceFollowingTests {
  private static func still(_ x: Double, _ side: Double) -> FaceScene.Person {
    { _ in FaceScene.square(x, 300, side) }
  }

  /// Mean distance of the chosen face from where a person is, over the frames that show both.
  private func isOn(
    _ person: FaceScene.Person, _ sighting: FaceSighting, frame: Int
  ) -> Bool {
    guard let place = person(frame), let chosen = sighting.chosen else { return false }
    return place.overlap(chosen.box) > 0.6
  }

  // MARK: Choice

  @Test(
    arguments: [
      ("largest", .largest), ("First", .first), ("left", .left), ("right", .right),
      ("0", .number(0)), ("12", .number(12)), ("640,360", .point(x: 640, y: 360)),
      ("12.5, 7", .point(x: 12.5, y: 7)),
    ] as [(String, FaceChoice)])
  func choicesAreRead(text: String, choice: FaceChoice) throws {
    #expect(try FaceChoice(text) == choice)
    #expect(try FaceChoice(choice.description) == choice)
  }

  @Test(
    arguments: [
      "", "biggest", "-1", "1.5", "1,2,3", ",", "1,", "-1,5", "nan,1", "inf,0", "99999999",
    ])
  func otherChoicesAreRefused(text: String) {
    #expect(throws: FaceError.choice(text)) { try FaceChoice(text) }
  }

  @Test(
    arguments: [
      (.largest, 1), (.first, 0), (.left, 0), (.right, 2), (.number(1), 1), (.number(2), 2),
      (.point(x: 1010, y: 310), 2), (.point(x: 150, y: 240), 0),
    ] as [(FaceChoice, Int)])
  func theChosenFaceIsTaken(choice: FaceChoice, person: Int) throws {
    let people = [Self.still(200, 120), Self.still(600, 200), Self.still(1000, 140)]
    let sightings = try SceneFrames(4).sightings(of: FaceScene(people), .init(choice: choice))
    for (frame, sighting) in sightings.enumerated() {
      #expect(isOn(people[person], sighting, frame: frame))
      #expect(sighting.faces.map(\.number).sorted() == [0, 1, 2])
    }
  }

  @Test func aNumberIsWaitedFor() throws {
    let late: FaceScene.Person = { $0 < 3 ? nil : FaceScene.square(900, 300, 150) }
    let sightings = try SceneFrames(8).sightings(
      of: FaceScene([Self.still(300, 200), late]), .init(choice: .number(1)))
    #expect(sightings.map { $0.chosen != nil } == (0..<8).map { $0 >= 3 })
    #expect(isOn(late, sightings[7], frame: 7))
  }

  @Test func aFalseAlarmIsNotChosen() throws {
    let scene = FaceScene(
      [Self.still(300, 150), Self.still(800, 300)],
      probability: { _, person in person == 0 ? 0.95 : 0.05 })
    let sightings = try SceneFrames(3).sightings(of: scene)
    #expect(isOn(scene.people[0], sightings[2], frame: 2))
  }

  // MARK: Following

  @Test func aFaceThatGrowsLargerDoesNotTakeOver() throws {
    let grows: FaceScene.Person = { FaceScene.square(900, 300, 100 + 10 * Double($0)) }
    let people = [Self.still(300, 150), grows]
    let frames = try SceneFrames(20)
    let followed = try frames.sightings(of: FaceScene(people))
    for (frame, sighting) in followed.enumerated() {
      #expect(isOn(people[0], sighting, frame: frame), "frame \(frame)")
    }
    // As published it does.
    let published = try frames.sightings(of: FaceScene(people), .init(tracking: .published))
    #expect(isOn(people[0], published[0], frame: 0))
    #expect(isOn(people[1], published[19], frame: 19))
  }

  /// Two people walk past each other; who walks behind is hidden while the faces overlap.
  @Test(arguments: [0, 1], [120.0, 180.0])
  func peopleWhoCrossKeepTheirNumbers(behind: Int, side: Double) throws {
    let count = 50
    @Sendable func place(_ person: Int, _ frame: Int) -> FaceBox {
      person == 0
        ? FaceScene.square(200 + 16 * Double(frame), 300, side)
        : FaceScene.square(1000 - 16 * Double(frame), 310, 150)
    }
    let people: [FaceScene.Person] = [0, 1].map { person in
      { frame in
        let hidden = place(0, frame).overlap(place(1, frame)) > 0.15
        return hidden && person == behind ? nil : place(person, frame)
      }
    }
    for (choice, person) in [(FaceChoice.left, 0), (.right, 1)] {
      let sightings = try SceneFrames(count).sightings(
        of: FaceScene(people), .init(choice: choice))
      for frame in [0, 10, 15, 40, 45, 49] {
        #expect(
          isOn(people[person], sightings[frame], frame: frame), "\(choice), frame \(frame)")
      }
      // Never on the other one alone.
      for (frame, sighting) in sightings.enumerated() where people[person](frame) != nil {
        #expect(
          sighting.chosen == nil || isOn(people[person], sighting, frame: frame),
          "\(choice), frame \(frame)")
      }
      #expect(sightings.count { $0.chosen != nil } > count - 14)
    }
  }

  @Test func aFaceThatReturnsIsTheSame() throws {
    let leaves: FaceScene.Person = {
      (10..<22).contains($0) ? nil : FaceScene.square(300, 300, 130)
    }
    let people = [leaves, Self.still(900, 260)]
    let sightings = try SceneFrames(40).sightings(of: FaceScene(people), .init(choice: .left))
    for (frame, sighting) in sightings.enumerated() {
      #expect((sighting.chosen == nil) == (leaves(frame) == nil), "frame \(frame)")
      #expect(sighting.chosen == nil || isOn(leaves, sighting, frame: frame), "frame \(frame)")
    }
  }

  @Test func anotherFaceIsChosenWhereTheFirstStaysAway() throws {
    let leaves: FaceScene.Person = { $0 < 5 ? FaceScene.square(300, 300, 260) : nil }
    let people = [leaves, Self.still(900, 150)]
    let sightings = try SceneFrames(30).sightings(of: FaceScene(people), .init(patience: 10))
    #expect(isOn(leaves, sightings[4], frame: 4))
    #expect(sightings[12].chosen == nil)
    #expect(isOn(people[1], sightings[20], frame: 20))
  }

  @Test func whatIsDoubtfulAndNeverDetectedIsDropped() throws {
    let scene = FaceScene(
      [Self.still(300, 200)], isDetected: { frame, _ in frame < 2 },
      probability: { frame, _ in frame < 2 ? 0.9 : 0.1 })
    let sightings = try SceneFrames(30).sightings(of: scene)
    #expect(sightings[8].chosen != nil)
    #expect(sightings[29].chosen == nil)
    // A sure one stays, undetected or not.
    let sure = FaceScene([Self.still(300, 200)], isDetected: { frame, _ in frame < 2 })
    #expect(try SceneFrames(30).sightings(of: sure)[29].chosen != nil)
  }

  // MARK: Steadiness

  /// Landmarks that start from a box come out 2 % larger, so that as published each detection ousts
  /// the track and restarts its smoothing.
  @Test func tracksAreNotRestarted() throws {
    let scene = FaceScene([Self.still(600, 200)], growth: 1.02, noise: 1.5)
    let frames = try SceneFrames(60)
    func jitter(_ tracking: FaceOptions.Tracking) throws -> Double {
      let boxes = try frames.sightings(of: scene, .init(tracking: tracking)).compactMap(
        \.chosen?.box)
      let lefts = boxes.map(\.left).dropFirst(10)
      return zip(lefts, lefts.dropFirst()).reduce(0) { $0 + abs($1.1 - $1.0) } / Double(lefts.count)
    }
    let (published, following) = (try jitter(.published), try jitter(.following))
    #expect(following < 0.5 * published, "\(following) against \(published) pixels a frame")
  }

  // MARK: Small faces

  @Test func smallFacesAreFoundAndKept() throws {
    let small: FaceScene.Person = { FaceScene.square(900 + Double($0), 500, 44) }
    let frames = try SceneFrames(6)
    let scene = FaceScene([small])
    let sightings = try frames.sightings(of: scene)
    for (frame, sighting) in sightings.enumerated() {
      #expect(isOn(small, sighting, frame: frame), "frame \(frame)")
    }
    #expect(
      try frames.sightings(of: scene, .init(tracking: .published)).allSatisfy { $0.chosen == nil })
  }

  /// The parts that are looked at closely cover the frame.
  @Test(arguments: [25.0, 640, 1255], [25.0, 360, 695])
  func smallFacesAreFoundAnywhere(x: Double, y: Double) throws {
    let small: FaceScene.Person = { _ in FaceScene.square(x, y, 44) }
    let sightings = try SceneFrames(2).sightings(of: FaceScene([small]))
    #expect(isOn(small, sightings[1], frame: 1))
  }

  @Test func aPlaceIsLookedAtClosely() throws {
    let people: [FaceScene.Person] = [
      Self.still(300, 260), { _ in FaceScene.square(1000, 500, 40) },
    ]
    let sightings = try SceneFrames(3).sightings(
      of: FaceScene(people), .init(choice: .point(x: 1005, y: 498)))
    #expect(isOn(people[1], sightings[2], frame: 2))
  }
}
