#include "CFFmpeg.h"

bool cffmpeg_frame_is_interlaced(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
  return frame->flags & AV_FRAME_FLAG_INTERLACED;
#else
  return frame->interlaced_frame;
#endif
}

bool cffmpeg_frame_is_damaged(const AVFrame *frame) {
  return frame->decode_error_flags || frame->flags & AV_FRAME_FLAG_CORRUPT;
}

int64_t cffmpeg_frame_duration(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  return frame->duration;
#else
  return frame->pkt_duration;
#endif
}

// A stream's side data, NULL where it is not there or shorter than expected.
static const uint8_t *stream_data(
    const AVStream *stream, enum AVPacketSideDataType type, size_t size) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
  const AVCodecParameters *parameters = stream->codecpar;
  const AVPacketSideData *data = av_packet_side_data_get(
      parameters->coded_side_data, parameters->nb_coded_side_data, type);
  return data && data->size >= size ? data->data : NULL;
#else
  size_t found = 0;
  const uint8_t *data = av_stream_get_side_data(stream, type, &found);
  return found >= size ? data : NULL;
#endif
}

static const uint8_t *frame_data(
    const AVFrame *frame, enum AVFrameSideDataType type, size_t size) {
  const AVFrameSideData *data = av_frame_get_side_data(frame, type);
  return data && data->size >= size ? data->data : NULL;
}

const int32_t *cffmpeg_display_matrix(const AVStream *stream, const AVFrame *frame) {
  const size_t size = 9 * sizeof(int32_t);
  const uint8_t *data = stream_data(stream, AV_PKT_DATA_DISPLAYMATRIX, size);
  if (!data) data = frame_data(frame, AV_FRAME_DATA_DISPLAYMATRIX, size);
  return (const int32_t *)data;
}

double cffmpeg_peak_luminance(const AVStream *stream, const AVFrame *frame) {
  const size_t light_size = sizeof(AVContentLightMetadata);
  const void *light = frame_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, light_size);
  if (!light) light = stream_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, light_size);
  if (light && ((const AVContentLightMetadata *)light)->MaxCLL)
    return ((const AVContentLightMetadata *)light)->MaxCLL;

  const size_t mastering_size = sizeof(AVMasteringDisplayMetadata);
  const void *data = frame_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, mastering_size);
  if (!data)
    data = stream_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, mastering_size);
  const AVMasteringDisplayMetadata *mastering = data;
  return mastering && mastering->has_luminance && mastering->max_luminance.den
             ? av_q2d(mastering->max_luminance)
             : 0;
}
