/// Checks of every kernel, at every instruction set level, against the plain C version.
///
/// One list serves the Swift tests, the sanitizers and the processor emulators: a check is handed
/// the kernels under test and the reference, makes its inputs in guarded memory, and fails with a
/// message.
#ifndef FP_CHECKS_H
#define FP_CHECKS_H

#include "CKernels.h"

#include <stdbool.h>
#include <stddef.h>

/// State of one run of a check: the kernels, a random stream, guarded memory, the first failure.
typedef struct fp_check_run fp_check_run;
struct fp_check_run {
  const fp_kernels *kernels;   // under test
  const fp_kernels *reference; // plain C
  uint64_t random_state;
  bool failed;
  char message[512];
  struct fp_guarded *blocks; // freed, and their guards checked, when the check ends
};

typedef struct fp_check {
  const char *name; // "matmul.tile.f32"
  void (*run)(fp_check_run *run);
} fp_check;

/// All checks, in the order of their topics.
int fp_check_count(void);
const fp_check *fp_check_at(int index);

/// Runs a check for a level; true where it passed. A level that the machine lacks passes with the
/// message "unavailable".
bool fp_check_perform(const fp_check *check, fp_isa isa, char *message, size_t capacity);

// MARK: For the checks themselves

/// Memory that ends at an unreadable page and has guard bytes in front, filled with a pattern. The
/// address is `misalignment` bytes past a multiple of 64 where `at_end` is false; otherwise the
/// last byte is the last before the unreadable page.
void *fp_check_memory(fp_check_run *run, size_t bytes, size_t misalignment, bool at_end);

/// Records a failure (the first counts), printf style.
void fp_check_fail(fp_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/// Uniform 64 random bits; an integer in 0 ..< bound; a float in [-1, 1).
uint64_t fp_check_random(fp_check_run *run);
int fp_check_random_int(fp_check_run *run, int bound);
float fp_check_random_float(fp_check_run *run);

/// Fails unless |got - want| <= absolute + relative * |want| for every element; NaN matches NaN and
/// infinities match themselves. `what` names the tensor.
void fp_check_close(fp_check_run *run, const char *what, const float *got, const float *want,
                    size_t count, float absolute, float relative);

/// Fails unless the bytes are the same.
void fp_check_same(fp_check_run *run, const char *what, const void *got, const void *want,
                   size_t bytes);

#endif
