import CFFmpeg

/// A piece of a video as `VideoWriter` makes it without sound: H.264 in MP4 that begins with a key
/// frame and refers to nothing outside.
///
/// Its packets are read in the order in which they are decoded, one at a time, and what can be seen
/// of damage without decoding is an error: a piece that was cut off, packets that are missing or
/// do not hold together, pictures that are not evenly spaced.
final class VideoPiece {
  let path: String

  /// Seconds of a picture, exact.
  let frameTime: AVRational

  private let demuxer: Demuxer
  private let stream: UnsafeMutablePointer<AVStream>
  private let buffer: PacketBuffer
  private var order = DisplayOrder()
  /// Of the first picture, in units of the stream.
  private let start: Int64
  private let interval: Int64
  /// The first packet is read when the piece is opened.
  private var holdsFirst = true

  /// Opens a piece and reads its first packet.
  ///
  /// - Throws: `MediaError`.
  init(_ path: String) throws {
    self.path = path
    demuxer = try Demuxer(path: path, stop: StopFlag())
    let streams = demuxer.streams
    guard streams.count == 1, let stream = streams.first,
      stream.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_H264
    else {
      let found = streams.map { $0.codecName }.joined(separator: " and ")
      throw Self.malformed(path, "it holds \(found.isEmpty ? "nothing" : found)")
    }
    self.stream = stream
    guard let buffer = PacketBuffer() else {
      throw MediaError.unreadable(path: path, reason: "out of memory")
    }
    self.buffer = buffer
    guard case .read = try demuxer.read(buffer.pointer, of: stream.pointee.index) else {
      throw Self.malformed(path, "it holds no picture")
    }
    let packet = buffer.pointer.pointee
    interval = packet.duration
    start = packet.pts
    var (ticks, scale): (Int32, Int32) = (0, 0)
    let base = stream.pointee.time_base
    guard (1...Int64(Int32.max)).contains(interval), start != cffmpeg_no_timestamp(),
      av_reduce(
        &ticks, &scale, interval * Int64(base.num), Int64(base.den), Int64(Int32.max)) == 1
    else {
      throw Self.malformed(path, "its pictures have no duration")
    }
    frameTime = AVRational(num: ticks, den: scale)
    guard packet.flags & AV_PKT_FLAG_KEY != 0, nalUnits()?.contains(Self.keyPicture) == true else {
      throw Self.malformed(path, "it does not begin with a key frame")
    }
  }

  var parameters: UnsafeMutablePointer<AVCodecParameters> { stream.pointee.codecpar }

  /// Its sequence and picture parameter sets, as MP4 has them (`avcC`).
  var parameterSets: [UInt8] {
    let parameters = parameters.pointee
    return Array(
      UnsafeBufferPointer(start: parameters.extradata, count: Int(parameters.extradata_size)))
  }

  /// The next packet, valid until the next call, and the number of its picture in the piece, in
  /// order of presentation; nil at the end.
  ///
  /// - Throws: `MediaError`.
  func next() throws -> (packet: UnsafeMutablePointer<AVPacket>, picture: Int)? {
    if holdsFirst {
      holdsFirst = false
    } else {
      let result = try demuxer.read(buffer.pointer, of: stream.pointee.index)
      if case .end(let damage) = result {
        try checkEnd(damage)
        return nil
      }
    }
    let packet = buffer.pointer.pointee
    guard packet.flags & AV_PKT_FLAG_CORRUPT == 0, nalUnits()?.isEmpty == false else {
      throw malformed("the packet of picture \(order.count) is damaged or cut off")
    }
    let (offset, overflow) = packet.pts.subtractingReportingOverflow(start)
    guard packet.pts != cffmpeg_no_timestamp(), !overflow, packet.duration == interval,
      offset % interval == 0, order.take(Int(offset / interval))
    else { throw malformed("its pictures are not evenly spaced") }
    return (buffer.pointer, Int(offset / interval))
  }

  private func checkEnd(_ damage: String?) throws {
    let stated = stream.pointee.nb_frames
    if damage != nil || order.count != stated {
      let reason = damage.map { " (\($0))" } ?? ""
      throw malformed("it ends after \(order.count) of \(stated) pictures\(reason)")
    }
    guard order.isComplete else { throw malformed("pictures are missing in it") }
  }

  // MARK: Units of a packet

  /// The type of a unit that holds a part of a picture which all pictures after it can do without
  /// those before (H.264, table 7-1).
  private static let keyPicture: UInt8 = 5

  /// The types of the units that the packet consists of; nil where their lengths do not add up to
  /// the packet's.
  private func nalUnits() -> [UInt8]? {
    let packet = buffer.pointer.pointee
    let bytes = UnsafeBufferPointer(start: packet.data, count: Int(packet.size))
    guard let lengthSize else { return nil }
    var types: [UInt8] = []
    var offset = 0
    while offset < bytes.count {
      guard bytes.count - offset > lengthSize else { return nil }
      let length = bytes[offset..<offset + lengthSize].reduce(0) { $0 << 8 | Int($1) }
      offset += lengthSize
      guard length > 0, length <= bytes.count - offset else { return nil }
      types.append(bytes[offset] & 31)
      offset += length
    }
    return types
  }

  /// Bytes of a unit's length; nil where the parameters are not those of MP4.
  private var lengthSize: Int? {
    let parameters = parameters.pointee
    // ISO 14496-15: version 1, and the length's bytes but one in the fifth byte.
    guard parameters.extradata_size > 4, parameters.extradata[0] == 1 else { return nil }
    return Int(parameters.extradata[4] & 3) + 1
  }

  private func malformed(_ reason: String) -> MediaError { Self.malformed(path, reason) }

  private static func malformed(_ path: String, _ reason: String) -> MediaError {
    .malformed(path: path, expected: "a piece of H.264 video", reason: reason)
  }
}

/// Whether pictures that come in the order of decoding are all there, each once.
private struct DisplayOrder {
  private(set) var count = 0
  /// All pictures below this were there, and some above.
  private var next = 0
  private var ahead: Set<Int> = []

  /// H.264 holds back 16 pictures at most.
  private static let depth = 32

  /// - Returns: whether a picture may come now.
  mutating func take(_ picture: Int) -> Bool {
    guard picture >= next, picture - next <= Self.depth, ahead.insert(picture).inserted else {
      return false
    }
    while ahead.remove(next) != nil { next += 1 }
    count += 1
    return true
  }

  var isComplete: Bool { ahead.isEmpty }
}
