// Runs the checks as a program: for the sanitizers, and under processor emulators.
//
//   checks [--isa NAME] [--only TEXT] [--no-emulation]
//
// Without --isa every level that the machine has; level amx by emulation where the processor has
// AVX-512 but no AMX, unless --no-emulation. Exit code 1 where a check failed or none ran, 2 where
// the arguments are wrong.
#include "fp_amx_emulator.h"
#include "fp_checks.h"

#include <stdio.h>
#include <string.h>

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

/// Runs the chosen checks at one level; adds to the totals.
static void run_level(fp_isa isa, const char *only, const char *note, int *passed, int *failed) {
  const int passed_before = *passed, failed_before = *failed;
  for (int i = 0; i < fp_check_count(); i++) {
    const fp_check *check = fp_check_at(i);
    char message[512];
    if (only && strstr(check->name, only) == NULL)
      continue;
    if (fp_check_perform(check, isa, message, sizeof message)) {
      ++*passed;
    } else {
      ++*failed;
      printf("FAILED %s %s: %s\n", isa_names[isa], check->name, message);
    }
  }
  printf("%s%s: %d passed, %d failed\n", isa_names[isa], note, *passed - passed_before,
         *failed - failed_before);
  fflush(stdout); // a later level may crash
}

int main(int count, char **arguments) {
  options options;
  if (!parse(&options, count, arguments)) {
    fprintf(stderr, "usage: checks [--isa generic|neon|avx2|avx512|amx] [--only TEXT] "
                    "[--no-emulation]\n");
    return 2;
  }
  const bool emulated = options.emulation && fp_amx_emulator_install();
  int passed = 0, failed = 0;
  for (int isa = 0; isa < FP_ISA_COUNT; isa++)
    if (fp_kernels_for((fp_isa)isa) && (!options.isa || strcmp(options.isa, isa_names[isa]) == 0))
      run_level((fp_isa)isa, options.only,
                isa == FP_ISA_AMX && emulated ? " (emulated instructions)" : "", &passed, &failed);
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}
