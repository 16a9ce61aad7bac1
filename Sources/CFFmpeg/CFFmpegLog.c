#include "CFFmpeg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// The first error names the cause; those that follow are its consequences.
static _Thread_local char first_error[256];

static void keep(void *source, int level, const char *format, va_list arguments) {
  (void)source;
  if (level > AV_LOG_ERROR || first_error[0]) return;
  vsnprintf(first_error, sizeof first_error, format, arguments);
  first_error[strcspn(first_error, "\r\n")] = 0;
}

void cffmpeg_log_capture(void) { av_log_set_callback(keep); }

void cffmpeg_log_forget(void) { first_error[0] = 0; }

const char *cffmpeg_log_first_error(void) { return first_error; }
