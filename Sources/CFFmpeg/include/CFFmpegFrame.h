// Properties of decoded frames, whose fields changed from FFmpeg 5 to 8.
#ifndef CFFMPEG_FRAME_H
#define CFFMPEG_FRAME_H

#include <libavformat/avformat.h>
#include <stdbool.h>

// Whether a frame consists of two fields.
bool cffmpeg_frame_is_interlaced(const AVFrame *frame);

// Whether the decoder had to invent a part of a frame.
bool cffmpeg_frame_is_damaged(const AVFrame *frame);

// How long a frame is shown, in the stream's time base; 0 where that is not known.
int64_t cffmpeg_frame_duration(const AVFrame *frame);

// The nine numbers of the matrix that turns a picture upright, of the frame or else of its stream;
// NULL where there is none.
const int32_t *cffmpeg_display_matrix(const AVStream *stream, const AVFrame *frame);

// The brightest light of a film in cd/m2, by the frame's or its stream's metadata; 0 where unknown.
double cffmpeg_peak_luminance(const AVStream *stream, const AVFrame *frame);

#endif
