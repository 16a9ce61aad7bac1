// libpng behind functions that return instead of jumping.
#ifndef CPNG_H
#define CPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPNG_MESSAGE = 128 };

// A file in memory that is being read.
typedef struct cpng_reader cpng_reader;

// Reads the chunks before the pixels. The bytes must stay while the reader lives.
// Returns NULL, and why in `message`, where that is not possible.
cpng_reader *cpng_reader_create(
    const uint8_t *bytes, size_t count, char message[CPNG_MESSAGE]);

uint32_t cpng_reader_width(const cpng_reader *reader);
uint32_t cpng_reader_height(const cpng_reader *reader);

// Writes red, green and blue, 8 bits each: width * height * 3 bytes. Palettes and grey become
// colours, of 16 bits the upper 8 stay, alpha is dropped. Once for each reader.
bool cpng_reader_pixels(cpng_reader *reader, uint8_t *pixels, char message[CPNG_MESSAGE]);

// The eXIf chunk of those read so far, NULL where there is none.
const uint8_t *cpng_reader_exif(cpng_reader *reader, size_t *count);

void cpng_reader_destroy(cpng_reader *reader);

// A file in memory that was written; to be freed by `cpng_free`.
typedef struct {
  uint8_t *bytes;
  size_t count;
} cpng_file;

// Writes width * height pixels of red, green and blue, 8 bits each. The same pixels give the same
// bytes. False, and why in `message`, where memory ran out or the size is not possible.
bool cpng_write(
    const uint8_t *pixels, uint32_t width, uint32_t height, cpng_file *file,
    char message[CPNG_MESSAGE]);

void cpng_free(cpng_file *file);

#endif
