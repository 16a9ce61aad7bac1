#include "CFFmpeg.h"

static int set_options(
    struct SwsContext *context, const CFFmpegPictures *from, const CFFmpegPictures *to) {
  const struct { const char *name; int64_t value; } options[] = {
    {"srcw", from->width}, {"srch", from->height}, {"src_format", from->format},
    {"dstw", to->width}, {"dsth", to->height}, {"dst_format", to->format},
    {"src_h_chr_pos", from->chroma_x}, {"src_v_chr_pos", from->chroma_y},
    {"dst_h_chr_pos", to->chroma_x}, {"dst_v_chr_pos", to->chroma_y},
    {"src_range", from->is_full_range}, {"dst_range", to->is_full_range},
    {"sws_flags",
     SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT},
  };
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    const int code = av_opt_set_int(context, options[i].name, options[i].value, 0);
    if (code < 0) return code;
  }
  return av_opt_set(context, "sws_dither", "none", 0);
}

CFFmpegScaler *cffmpeg_scaler_create(const CFFmpegPictures *from, const CFFmpegPictures *to) {
  struct SwsContext *context = sws_alloc_context();
  if (!context) return NULL;
  if (set_options(context, from, to) < 0 || sws_init_context(context, NULL, NULL) < 0) {
    sws_freeContext(context);
    return NULL;
  }
  // Refused where neither side is YUV: then there is nothing to set.
  (void)sws_setColorspaceDetails(
      context, sws_getCoefficients(from->matrix), from->is_full_range,
      sws_getCoefficients(to->matrix), to->is_full_range, 0, 1 << 16, 1 << 16);
  return (CFFmpegScaler *)context;
}

int cffmpeg_scaler_run(CFFmpegScaler *scaler, AVFrame *to, const AVFrame *from) {
  return sws_scale_frame((struct SwsContext *)scaler, to, from);
}

void cffmpeg_scaler_destroy(CFFmpegScaler *scaler) {
  sws_freeContext((struct SwsContext *)scaler);
}
