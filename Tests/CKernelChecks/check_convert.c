// Checks of the conversions between element types.
#include "checks.h"

#include <math.h>
#include <string.h>

static const char *const type_names[FP_DTYPE_COUNT] = {"F32", "BF16", "F16", "F64",
                                                       "I8",  "U8",   "I16", "I32",
                                                       "I64", "F8_E4M3", "F8_E5M2", "BOOL",
                                                       "U16", "U32",  "U64"};

/// Fails unless a conversion equals the plain C version, bit for bit.
static void compare_pair(fp_check_run *run, fp_dtype target, fp_dtype source, const void *elements,
                         size_t count, size_t misalignment) {
  const size_t bytes = count * fp_dtype_size(target);
  void *got = fp_check_memory(run, bytes, misalignment, misalignment == 0);
  void *want = fp_check_memory(run, bytes, 0, false);
  run->kernels->convert.convert(got, target, elements, source, count);
  run->reference->convert.convert(want, target, elements, source, count);
  char what[64];
  const char *from = type_names[source], *to = type_names[target];
  strcpy(what, from);
  strcat(strcat(what, " to "), to);
  fp_check_same(run, what, got, want, bytes);
}

/// Random bits: every type's NaN, infinities, subnormals and extremes among them.
static void check_pairs(fp_check_run *run) {
  static const size_t counts[] = {0, 1, 7, 16, 33, 300, 1500};
  for (int source = 0; source < FP_DTYPE_COUNT; source++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      const size_t size = fp_dtype_size((fp_dtype)source), bytes = counts[c] * size;
      unsigned char *elements = fp_check_memory(run, bytes, c % 3, c % 3 == 0);
      for (size_t i = 0; i < bytes; i++)
        elements[i] = (unsigned char)fp_check_random(run);
      for (int target = 0; target < FP_DTYPE_COUNT; target++)
        compare_pair(run, (fp_dtype)target, (fp_dtype)source, elements, counts[c], c % 3);
    }
}

static void check_all_codes(fp_check_run *run) {
  static const fp_dtype halves[] = {FP_BF16, FP_F16, FP_I16};
  static const fp_dtype bytes[] = {FP_F8_E4M3, FP_F8_E5M2, FP_I8, FP_U8, FP_BOOL};
  uint16_t *codes = fp_check_memory(run, 65536 * 2, 0, false);
  unsigned char *small = fp_check_memory(run, 256, 0, false);
  for (int i = 0; i < 65536; i++)
    codes[i] = (uint16_t)i;
  for (int i = 0; i < 256; i++)
    small[i] = (unsigned char)i;
  for (int target = 0; target < FP_DTYPE_COUNT; target++) {
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
      compare_pair(run, (fp_dtype)target, halves[i], codes, 65536, 0);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
      compare_pair(run, (fp_dtype)target, bytes[i], small, 256, 0);
  }
}

/// A narrow code's value and the code above: the number between them ties, its neighbours do not.
static void check_ties(fp_check_run *run) {
  static const struct {
    fp_dtype type;
    int codes; // positive finite codes, and the first that is not
  } types[] = {{FP_BF16, 0x7f80}, {FP_F16, 0x7c00}, {FP_F8_E4M3, 0x7e}, {FP_F8_E5M2, 0x7c}};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    const fp_dtype type = types[t].type;
    const size_t count = (size_t)types[t].codes * 8, size = fp_dtype_size(type);
    float *values = fp_check_memory(run, count * 4, 0, false);
    unsigned char *want = fp_check_memory(run, count * size, 0, false);
    for (int code = 0; code < types[t].codes; code++) {
      const uint16_t pair[2] = {(uint16_t)code, (uint16_t)(code + 1)};
      const unsigned char narrow[2] = {(unsigned char)code, (unsigned char)(code + 1)};
      float ends[2];
      run->reference->convert.convert(ends, FP_F32,
                                      size == 2 ? (const void *)pair : (const void *)narrow, type,
                                      2);
      // Past the largest finite number the step would go on as it was.
      const double low = (double)ends[0];
      double high = (double)ends[1];
      if (isinf(high))
        high = type == FP_BF16 ? 0x1p128 : type == FP_F16 ? 0x1p16 : 0x1p16;
      const float middle = (float)(low / 2 + high / 2);
      const float around[4] = {(float)low, nextafterf(middle, 0), middle,
                               nextafterf(middle, INFINITY)};
      for (int i = 0; i < 8; i++) {
        const size_t at = (size_t)code * 8 + (size_t)i;
        values[at] = i < 4 ? around[i] : -around[i - 4];
        int expected = code + (i % 4 == 3 || (i % 4 == 2 && code % 2 == 1));
        expected |= i < 4 ? 0 : size == 2 ? 0x8000 : 0x80;
        const uint16_t half = (uint16_t)expected;
        const unsigned char byte = (unsigned char)expected;
        memcpy(want + at * size, size == 2 ? (const void *)&half : (const void *)&byte, size);
      }
    }
    unsigned char *got = fp_check_memory(run, count * size, 0, true);
    run->kernels->convert.convert(got, type, values, FP_F32, count);
    fp_check_same(run, type_names[type], got, want, count * size);
  }
}

/// One value and what each level must make of it, from PyTorch or from the contract.
static void expect_bits(fp_check_run *run, fp_dtype target, uint64_t want, fp_dtype source,
                        const void *value) {
  // A long run, so that vectors and tail are both used.
  enum { copies = 37 };
  unsigned char elements[copies * 8], got[copies * 8];
  const size_t from = fp_dtype_size(source), to = fp_dtype_size(target);
  for (int i = 0; i < copies; i++)
    memcpy(elements + (size_t)i * from, value, from);
  run->kernels->convert.convert(got, target, elements, source, copies);
  for (int i = 0; i < copies; i++)
    if (memcmp(got + (size_t)i * to, &want, to) != 0) {
      uint64_t bits = 0;
      memcpy(&bits, got + (size_t)i * to, to);
      fp_check_fail(run, "%s to %s: got %llx, expected %llx", type_names[source],
                    type_names[target], (unsigned long long)bits, (unsigned long long)want);
    }
}

static void check_contract(fp_check_run *run) {
  static const struct {
    float value;
    fp_dtype type;
    uint64_t bits;
  } floats[] = {
      {NAN, FP_I32, 0},
      {NAN, FP_BOOL, 1},
      {-0.0f, FP_BOOL, 0},
      {1e-45f, FP_BOOL, 1},
      {-0.9f, FP_U8, 0},
      {-7.9f, FP_U8, 0},
      {255.9f, FP_U8, 255},
      {-0.9f, FP_U16, 0},
      {7e4f, FP_U16, 0xffff},
      {-1e10f, FP_U32, 0},
      {4e9f, FP_U32, 4000000000u},
      {1e19f, FP_U64, 9999999980506447872u}, // 1e19 in float32
      {1e20f, FP_U64, 0xffffffffffffffffu},
      {-1, FP_U64, 0},
      {300, FP_U8, 255},
      {-128.9f, FP_I8, 0x80},
      {-200, FP_I8, 0x80},
      {127.9f, FP_I8, 127},
      {3e9f, FP_I32, 0x7fffffff},
      {-3e9f, FP_I32, 0x80000000u},
      {1e20f, FP_I64, 0x7fffffffffffffffu},
      {-INFINITY, FP_I64, 0x8000000000000000u},
      {-2.7f, FP_I16, 0xfffe},
      {464, FP_F8_E4M3, 0x7e},
      {464.1f, FP_F8_E4M3, 0x7e},
      {-INFINITY, FP_F8_E4M3, 0xfe},
      {61439, FP_F8_E5M2, 0x7b},
      {61440, FP_F8_E5M2, 0x7c},
      {INFINITY, FP_F8_E5M2, 0x7c},
      {65519, FP_F16, 0x7bff},
      {65520, FP_F16, 0x7c00},
      {3.4028235e38f, FP_BF16, 0x7f80},
      {1e-45f, FP_BF16, 0},
      {9.2e-41f, FP_BF16, 1}, // a subnormal is not flushed
      {-INFINITY, FP_BF16, 0xff80},
  };
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
    expect_bits(run, floats[i].type, floats[i].bits, FP_F32, &floats[i].value);
  const uint32_t loud = 0xff800001u; // a signalling NaN whose payload a narrow type cannot hold
  expect_bits(run, FP_BF16, 0xffc0, FP_F32, &loud);
  expect_bits(run, FP_F16, 0xfe00, FP_F32, &loud);
  expect_bits(run, FP_F8_E4M3, 0xff, FP_F32, &loud);
  expect_bits(run, FP_F8_E5M2, 0xff, FP_F32, &loud);
  // Rounded twice, as in PyTorch: once to float32, where it becomes a tie.
  const double twice = 1 + 0x1p-11 + 0x1p-40;
  expect_bits(run, FP_F16, 0x3c00, FP_F64, &twice);
  const int64_t large = -0x123456789abcdef0, odd = ((int64_t)1 << 53) + 1;
  expect_bits(run, FP_I16, 0x2110, FP_I64, &large);
  expect_bits(run, FP_F64, 0x4340000000000000u, FP_I64, &odd);
  const uint8_t boolean = 7;
  expect_bits(run, FP_F32, 0x3f800000, FP_BOOL, &boolean);
  expect_bits(run, FP_BOOL, 1, FP_BOOL, &boolean);
}

static const fp_check checks[] = {
    {"convert.pairs", check_pairs},
    {"convert.all_codes", check_all_codes},
    {"convert.ties", check_ties},
    {"convert.contract", check_contract},
};

const fp_check_topic fp_convert_checks = {checks, sizeof checks / sizeof *checks};
