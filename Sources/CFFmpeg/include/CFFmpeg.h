// FFmpeg's libraries as Swift sees them, with what Swift cannot import: macros that are calls, and
// fields that changed from version to version.
#ifndef CFFMPEG_H
#define CFFMPEG_H

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>
#include <libswscale/swscale.h>
#include <stdbool.h>

#include "CFFmpegFrame.h"
#include "CFFmpegLog.h"
#include "CFFmpegScaler.h"

// The timestamp that says "none" (AV_NOPTS_VALUE).
int64_t cffmpeg_no_timestamp(void);

// The negative code of an errno value (AVERROR).
int cffmpeg_error(int number);

// The codes AVERROR_EOF and AVERROR_EXIT.
int cffmpeg_end_of_file(void);
int cffmpeg_stopped(void);

#endif
