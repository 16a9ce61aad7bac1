// FFmpeg's libraries as Swift sees them, with the macros that Swift cannot import as functions.
#ifndef CFFMPEG_H
#define CFFMPEG_H

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

// The timestamp that says "none" (AV_NOPTS_VALUE).
int64_t cffmpeg_no_timestamp(void);

// The negative code of an errno value (AVERROR).
int cffmpeg_error(int number);

#endif
