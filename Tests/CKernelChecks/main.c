// Runs the checks as a program: for the sanitizers, and under processor emulators.
//
//   checks [--isa NAME] [--only TEXT]
//
// Without --isa every level that the machine has. Exit code 1 where a check failed.
#include "fp_checks.h"

#include <stdio.h>
#include <string.h>

static const char *const isa_names[FP_ISA_COUNT] = {"generic", "neon", "avx2", "avx512", "amx"};

int main(int count, char **arguments) {
  const char *only = NULL, *isa_name = NULL;
  for (int i = 1; i + 1 < count; i += 2) {
    if (strcmp(arguments[i], "--isa") == 0)
      isa_name = arguments[i + 1];
    if (strcmp(arguments[i], "--only") == 0)
      only = arguments[i + 1];
  }
  int passed = 0, failed = 0;
  for (int isa = 0; isa < FP_ISA_COUNT; isa++) {
    if (fp_kernels_for((fp_isa)isa) == NULL || (isa_name && strcmp(isa_name, isa_names[isa]) != 0))
      continue;
    for (int i = 0; i < fp_check_count(); i++) {
      const fp_check *check = fp_check_at(i);
      char message[512];
      if (only && strstr(check->name, only) == NULL)
        continue;
      if (fp_check_perform(check, (fp_isa)isa, message, sizeof message)) {
        passed++;
      } else {
        failed++;
        printf("FAILED %s %s: %s\n", isa_names[isa], check->name, message);
      }
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}
