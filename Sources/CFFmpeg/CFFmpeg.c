#include "CFFmpeg.h"

int64_t cffmpeg_no_timestamp(void) { return AV_NOPTS_VALUE; }

int cffmpeg_error(int number) { return AVERROR(number); }

int cffmpeg_end_of_file(void) { return AVERROR_EOF; }

int cffmpeg_stopped(void) { return AVERROR_EXIT; }
