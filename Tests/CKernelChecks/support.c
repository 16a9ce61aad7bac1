// Guarded memory, random numbers and comparisons for the checks.
#if defined(__linux__)
#define _GNU_SOURCE // MAP_ANONYMOUS
#endif
#include "fp_checks.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { guard_bytes = 64, guard_value = 0xa5, fill_value = 0x5c };

/// One guarded block: [guard][data] or [data][guard], then an unreadable page.
typedef struct fp_guarded {
  struct fp_guarded *next;
  unsigned char *mapping, *data;
  size_t mapped, bytes;
  size_t before, after; // guard bytes on either side that must not change
} fp_guarded;

void *fp_check_memory(fp_check_run *run, size_t bytes, size_t misalignment, bool at_end) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t payload = (bytes + misalignment + 2 * guard_bytes + page - 1) / page * page;
  unsigned char *mapping = mmap(NULL, payload + page, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fp_guarded *block = malloc(sizeof *block);
  if (mapping == MAP_FAILED || block == NULL || mprotect(mapping + payload, page, PROT_NONE) != 0) {
    fprintf(stderr, "out of memory for a check\n");
    exit(1);
  }
  memset(mapping, guard_value, payload);
  unsigned char *data =
      at_end ? mapping + payload - bytes : mapping + guard_bytes + misalignment % guard_bytes;
  memset(data, fill_value, bytes);
  *block = (fp_guarded){.next = run->blocks,
                        .mapping = mapping,
                        .data = data,
                        .mapped = payload + page,
                        .bytes = bytes,
                        .before = (size_t)(data - mapping),
                        .after = (size_t)(mapping + payload - data) - bytes};
  run->blocks = block;
  return data;
}

static bool untouched(const unsigned char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (bytes[i] != guard_value)
      return false;
  return true;
}

static void release_blocks(fp_check_run *run) {
  for (fp_guarded *block = run->blocks; block != NULL;) {
    if (!untouched(block->mapping, block->before))
      fp_check_fail(run, "wrote before a block of %zu bytes", block->bytes);
    if (!untouched(block->data + block->bytes, block->after))
      fp_check_fail(run, "wrote after a block of %zu bytes", block->bytes);
    fp_guarded *next = block->next;
    munmap(block->mapping, block->mapped);
    free(block);
    block = next;
  }
  run->blocks = NULL;
}

void fp_check_fail(fp_check_run *run, const char *format, ...) {
  if (run->failed)
    return;
  run->failed = true;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(run->message, sizeof run->message, format, arguments);
  va_end(arguments);
}

uint64_t fp_check_random(fp_check_run *run) {
  uint64_t z = run->random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int fp_check_random_int(fp_check_run *run, int bound) {
  return (int)(fp_check_random(run) % (uint64_t)bound);
}

float fp_check_random_float(fp_check_run *run) {
  return (float)(fp_check_random(run) >> 40) * 0x1p-23f - 1.0f;
}

void fp_check_close(fp_check_run *run, const char *what, const float *got, const float *want,
                    size_t count, float absolute, float relative) {
  for (size_t i = 0; i < count; i++) {
    const float bound = absolute + relative * fabsf(want[i]);
    const bool same = isnan(want[i])   ? isnan(got[i])
                      : isinf(want[i]) ? got[i] == want[i]
                                       : fabsf(got[i] - want[i]) <= bound;
    if (!same) {
      fp_check_fail(run, "%s[%zu of %zu]: got %.9g, expected %.9g, allowed %.3g", what, i, count,
                    (double)got[i], (double)want[i], (double)bound);
      return;
    }
  }
}

void fp_check_same(fp_check_run *run, const char *what, const void *got, const void *want,
                   size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (((const unsigned char *)got)[i] != ((const unsigned char *)want)[i]) {
      fp_check_fail(run, "%s: byte %zu of %zu is %02x, expected %02x", what, i, bytes,
                    ((const unsigned char *)got)[i], ((const unsigned char *)want)[i]);
      return;
    }
}

bool fp_check_perform(const fp_check *check, fp_isa isa, char *message, size_t capacity) {
  fp_check_run run = {.kernels = fp_kernels_for(isa),
                      .reference = fp_kernels_for(FP_ISA_GENERIC),
                      .random_state = 0x243f6a8885a308d3u};
  if (run.kernels == NULL) {
    snprintf(message, capacity, "unavailable");
    return true;
  }
  check->run(&run);
  release_blocks(&run);
  snprintf(message, capacity, "%s", run.failed ? run.message : "");
  return !run.failed;
}
