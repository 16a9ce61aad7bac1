// What FFmpeg logs, kept for our own messages instead of going to standard error.
#ifndef CFFMPEG_LOG_H
#define CFFMPEG_LOG_H

// Takes over the log of the whole process.
void cffmpeg_log_capture(void);

// Forgets what this thread has logged.
void cffmpeg_log_forget(void);

// The first error that this thread logged since it last forgot, empty where there was none; valid
// until the thread forgets.
const char *cffmpeg_log_first_error(void);

#endif
