import CFFmpeg

/// Which of a container's streams are read, and what they say about themselves.
extension Demuxer {
  /// The video: no attached picture, the default one where there are several, then the largest,
  /// then the longest.
  ///
  /// - Throws: `MediaError.nothingToRead` where there is none.
  func bestVideo() throws -> UnsafeMutablePointer<AVStream> {
    let videos = streams.filter { $0.isVideo }
    guard let best = videos.max(by: { $0.videoRank.lexicographicallyPrecedes($1.videoRank) })
    else {
      throw MediaError.nothingToRead(path: path, expected: "a video", found: contents)
    }
    return best
  }

  /// The sound that goes with a video; nil where there is none.
  func bestSound(
    beside video: UnsafeMutablePointer<AVStream>
  ) -> UnsafeMutablePointer<AVStream>? {
    let index = av_find_best_stream(
      format, AVMEDIA_TYPE_AUDIO, -1, video.pointee.index, nil, 0)
    return index >= 0 ? format.pointee.streams[Int(index)] : nil
  }

  /// What is there instead of a video.
  private var contents: String {
    let kinds = streams.map { $0.pointee.codecpar.pointee.codec_type }
    let hasSound = kinds.contains(AVMEDIA_TYPE_AUDIO)
    if kinds.contains(AVMEDIA_TYPE_VIDEO) {
      return hasSound ? "sound with a cover picture only" : "a cover picture only"
    }
    return hasSound ? "sound only" : "neither video nor sound"
  }
}

extension UnsafeMutablePointer<AVStream> {
  /// Whether it holds pictures that follow each other.
  var isVideo: Bool {
    let pictures = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS
    return pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
      && pointee.disposition & pictures == 0
  }

  fileprivate var videoRank: [Int] {
    let parameters = pointee.codecpar.pointee
    return [
      avcodec_find_decoder(parameters.codec_id) == nil ? 0 : 1,
      pointee.disposition & AV_DISPOSITION_DEFAULT == 0 ? 0 : 1,
      Int(parameters.width) * Int(parameters.height), Int(clamping: pointee.nb_frames),
      // The first of several that are alike.
      -Int(pointee.index),
    ]
  }

  /// Seconds of a timestamp; nil for none.
  func seconds(_ timestamp: Int64) -> Double? {
    timestamp == cffmpeg_no_timestamp() ? nil : Double(timestamp) * av_q2d(pointee.time_base)
  }

  /// The stream's name for its codec ("h264").
  var codecName: String { String(cString: avcodec_get_name(pointee.codecpar.pointee.codec_id)) }
}

extension Rational {
  /// nil for what is no positive ratio.
  init?(positive ratio: AVRational) {
    guard ratio.num > 0, ratio.den > 0 else { return nil }
    self.init(reducing: Int(ratio.num), Int(ratio.den))
  }
}
