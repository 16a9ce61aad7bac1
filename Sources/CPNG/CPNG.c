#include "CPNG.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PNG_LIBPNG_VER >= 10600, "libpng 1.6");

// What an error leaves behind. Whoever calls libpng sets `place` first; what a function changes
// after that lives in structures, never in its own variables, which a jump may lose.
typedef struct {
  jmp_buf place;
  char *message;
} failure;

static _Noreturn void fail(png_structp png, png_const_charp text) {
  failure *to = png_get_error_ptr(png);
  strncpy(to->message, text, CPNG_MESSAGE - 1);
  to->message[CPNG_MESSAGE - 1] = 0;
  longjmp(to->place, 1);
}

static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

struct cpng_reader {
  failure failure;
  png_structp png;
  png_infop info;
  const uint8_t *next;
  size_t left;
  png_bytep *rows;
  bool is_whole;
};

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  cpng_reader *reader = png_get_io_ptr(png);
  if (count > reader->left) png_error(png, "the file ends too early");
  memcpy(target, reader->next, count);
  reader->next += count;
  reader->left -= count;
}

// Chunks that say nothing about the pixels, and tRNS, whose alpha would be dropped.
static void skip_chunks(png_structp png) {
  static const png_byte names[] =
      "iCCP\0tEXt\0zTXt\0iTXt\0sPLT\0hIST\0pCAL\0sCAL\0oFFs\0pHYs\0tIME\0bKGD\0sBIT\0cHRM\0"
      "gAMA\0sRGB\0tRNS";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
}

static bool read_header(cpng_reader *reader) {
  if (setjmp(reader->failure.place)) return false;
  png_set_read_fn(reader->png, reader, read_bytes);
  // The caller limits the product.
  png_set_user_limits(reader->png, 1 << 26, 1 << 26);
  png_set_chunk_malloc_max(reader->png, 1 << 26);
  skip_chunks(reader->png);
  png_read_info(reader->png, reader->info);
  return true;
}

cpng_reader *cpng_reader_create(
    const uint8_t *bytes, size_t count, char message[CPNG_MESSAGE]) {
  message[0] = 0;
  cpng_reader *reader = calloc(1, sizeof *reader);
  if (reader) {
    reader->next = bytes;
    reader->left = count;
    reader->failure.message = message;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader->failure, fail, ignore);
    if (reader->png) reader->info = png_create_info_struct(reader->png);
    if (reader->info && read_header(reader)) return reader;
  }
  if (!message[0]) strcpy(message, "out of memory");
  cpng_reader_destroy(reader);
  return NULL;
}

uint32_t cpng_reader_width(const cpng_reader *reader) {
  return png_get_image_width(reader->png, reader->info);
}

uint32_t cpng_reader_height(const cpng_reader *reader) {
  return png_get_image_height(reader->png, reader->info);
}

static void to_rgb8(cpng_reader *reader) {
  const png_byte color = png_get_color_type(reader->png, reader->info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader->png);
  if (!(color & PNG_COLOR_MASK_COLOR)) {
    png_set_expand_gray_1_2_4_to_8(reader->png);
    png_set_gray_to_rgb(reader->png);
  }
  png_set_strip_16(reader->png);
  png_set_strip_alpha(reader->png);
  png_set_interlace_handling(reader->png);
  png_read_update_info(reader->png, reader->info);
}

bool cpng_reader_pixels(cpng_reader *reader, uint8_t *pixels, char message[CPNG_MESSAGE]) {
  message[0] = 0;
  reader->failure.message = message;
  const size_t stride = (size_t)cpng_reader_width(reader) * 3;
  const uint32_t height = cpng_reader_height(reader);
  reader->rows = malloc(height * sizeof *reader->rows);
  if (!reader->rows) {
    strcpy(message, "out of memory");
    return false;
  }
  for (uint32_t row = 0; row < height; row++) reader->rows[row] = pixels + row * stride;
  // What follows the pixels may be missing.
  if (setjmp(reader->failure.place)) return reader->is_whole;
  to_rgb8(reader);
  if (png_get_rowbytes(reader->png, reader->info) != stride)
    png_error(reader->png, "a kind of pixels that is not known");
  png_read_image(reader->png, reader->rows);
  reader->is_whole = true;
  png_read_end(reader->png, reader->info);
  return true;
}

const uint8_t *cpng_reader_exif(cpng_reader *reader, size_t *count) {
#ifdef PNG_eXIf_SUPPORTED
  png_uint_32 length = 0;
  png_bytep bytes = NULL;
  if (png_get_eXIf_1(reader->png, reader->info, &length, &bytes)) {
    *count = length;
    return bytes;
  }
#else
  (void)reader;
#endif
  *count = 0;
  return NULL;
}

void cpng_reader_destroy(cpng_reader *reader) {
  if (!reader) return;
  if (reader->png) png_destroy_read_struct(&reader->png, &reader->info, NULL);
  free(reader->rows);
  free(reader);
}

typedef struct {
  failure failure;
  png_structp png;
  png_infop info;
  cpng_file *file;
  size_t capacity;
} writer;

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  writer *to = png_get_io_ptr(png);
  if (to->file->count + count > to->capacity) {
    const size_t capacity = (to->file->count + count) * 2;
    uint8_t *grown = realloc(to->file->bytes, capacity);
    if (!grown) png_error(png, "out of memory");
    to->file->bytes = grown;
    to->capacity = capacity;
  }
  memcpy(to->file->bytes + to->file->count, bytes, count);
  to->file->count += count;
}

static void flush(png_structp png) { (void)png; }

static bool write_all(writer *to, const uint8_t *pixels, uint32_t width, uint32_t height) {
  if (setjmp(to->failure.place)) return false;
  png_set_write_fn(to->png, to, write_bytes, flush);
  png_set_user_limits(to->png, 1 << 26, 1 << 26);
  png_set_IHDR(to->png, to->info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(to->png, 6);
  png_write_info(to->png, to->info);
  for (uint32_t row = 0; row < height; row++)
    png_write_row(to->png, pixels + (size_t)row * width * 3);
  png_write_end(to->png, to->info);
  return true;
}

bool cpng_write(
    const uint8_t *pixels, uint32_t width, uint32_t height, cpng_file *file,
    char message[CPNG_MESSAGE]) {
  message[0] = 0;
  *file = (cpng_file){0};
  writer to = {.failure.message = message, .file = file};
  to.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &to.failure, fail, ignore);
  if (to.png) to.info = png_create_info_struct(to.png);
  const bool is_written = to.info && write_all(&to, pixels, width, height);
  if (to.png) png_destroy_write_struct(&to.png, &to.info);
  if (!is_written) {
    if (!message[0]) strcpy(message, "out of memory");
    cpng_free(file);
  }
  return is_written;
}

void cpng_free(cpng_file *file) {
  free(file->bytes);
  *file = (cpng_file){0};
}
