// Runs the checks as a program: for the sanitizers, and under processor emulators.
//
//   checks [--isa NAME] [--only TEXT] [--no-emulation]
//
// Without --isa every level that the machine has, each in a process of its own, all at the same
// time; level amx by emulation where the processor has AVX-512 but no AMX, unless --no-emulation.
// Exit code 1 where a check failed or none ran, 2 where the arguments are wrong.
#if defined(__linux__)
#define _GNU_SOURCE // fork(2)
#endif
#include "fp_amx_emulator.h"
#include "fp_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const isa_names[FP_ISA_COUNT] = {"generic", "neon", "avx2", "avx512", "amx"};

typedef struct options {
  const char *isa, *only; // NULL: all
  bool emulation;
} options;

static bool parse(options *options, int count, char **arguments) {
  *options = (struct options){.emulation = true};
  for (int i = 1; i < count; i++) {
    const bool has_value = i + 1 < count;
    if (strcmp(arguments[i], "--no-emulation") == 0)
      options->emulation = false;
    else if (strcmp(arguments[i], "--isa") == 0 && has_value)
      options->isa = arguments[++i];
    else if (strcmp(arguments[i], "--only") == 0 && has_value)
      options->only = arguments[++i];
    else
      return false;
  }
  return true;
}

/// Runs the chosen checks at one level; true where some ran and none failed.
static bool run_level(fp_isa isa, const char *only, const char *note) {
  int passed = 0, failed = 0;
  for (int i = 0; i < fp_check_count(); i++) {
    const fp_check *check = fp_check_at(i);
    char message[512];
    if (only && strstr(check->name, only) == NULL)
      continue;
    if (fp_check_perform(check, isa, message, sizeof message)) {
      passed++;
    } else {
      failed++;
      printf("FAILED %s %s: %s\n", isa_names[isa], check->name, message);
    }
  }
  printf("%s%s: %d passed, %d failed\n", isa_names[isa], note, passed, failed);
  fflush(stdout);
  return failed == 0 && passed > 0;
}

/// Starts a level in a process of its own, so that a crash takes no other level with it.
static pid_t start_level(fp_isa isa, const char *only, const char *note) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0)
    exit(run_level(isa, only, note) ? 0 : 1);
  if (child < 0)
    perror("fork");
  return child;
}

/// Waits for a level; true where it passed.
static bool end_level(fp_isa isa, pid_t child) {
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child)
    return false;
  if (WIFSIGNALED(status))
    printf("FAILED %s: ended by signal %d\n", isa_names[isa], WTERMSIG(status));
  return status == 0;
}

int main(int count, char **arguments) {
  options options;
  if (!parse(&options, count, arguments)) {
    fprintf(stderr, "usage: checks [--isa generic|neon|avx2|avx512|amx] [--only TEXT] "
                    "[--no-emulation]\n");
    return 2;
  }
  const bool emulated = options.emulation && fp_amx_emulator_install();
  const char *notes[FP_ISA_COUNT] = {"", "", "", "", emulated ? " (emulated instructions)" : ""};
  pid_t children[FP_ISA_COUNT] = {0};
  bool ran = false, passed = true;
  for (int isa = 0; isa < FP_ISA_COUNT; isa++) {
    if (fp_kernels_for((fp_isa)isa) == NULL)
      continue;
    if (options.isa == NULL) {
      ran = true;
      children[isa] = start_level((fp_isa)isa, options.only, notes[isa]);
    } else if (strcmp(options.isa, isa_names[isa]) == 0) {
      ran = true; // in this process, where a debugger looks
      passed = run_level((fp_isa)isa, options.only, notes[isa]);
    }
  }
  for (int isa = 0; isa < FP_ISA_COUNT; isa++)
    if (children[isa] != 0)
      passed = end_level((fp_isa)isa, children[isa]) && passed;
  if (!ran)
    fprintf(stderr, "this machine has no level %s\n", options.isa);
  return ran && passed ? 0 : 1;
}
