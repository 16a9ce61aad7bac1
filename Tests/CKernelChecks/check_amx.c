// Checks of AMX itself: what the kernels of that level rely on, against plain loops. Where AMX is
// emulated this checks the emulator; on a processor with AMX it checks that the emulator's rules
// are the hardware's.
#include "checks.h"

#if defined(__linux__) && defined(__x86_64__)
#include "amx_emulator.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,amx-int8"))),                \
                             apply_to = function)

enum { rows = 5, columns = 7, depth = 3 }; // C is 5 x 7 words, A 5 x 3, B 3 x 7
enum { tile_c = 0, tile_a = 1, tile_b = 2, tile_d = 3, tile_e = 4 };

/// Small tiles for the products, and a full one.
static void configure(uint8_t bytes[64]) {
  static const uint8_t tile_rows[FP_AMX_TILES] = {rows, rows, depth, 16, rows};
  static const uint16_t colsb[FP_AMX_TILES] = {4 * columns, 4 * depth, 4 * columns, 64,
                                               4 * columns};
  memset(bytes, 0, 64);
  bytes[0] = 1;
  memcpy(bytes + 16, colsb, sizeof colsb);
  memcpy(bytes + 48, tile_rows, sizeof tile_rows);
}

static void fill_random(fp_check_run *run, void *target, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    ((uint8_t *)target)[i] = (uint8_t)fp_check_random(run);
}

static void check_configuration(fp_check_run *run) {
  uint8_t *given = fp_check_memory(run, 64, 0, true), *got = fp_check_memory(run, 64, 1, false);
  configure(given);
  _tile_loadconfig(given);
  _tile_storeconfig(got);
  fp_check_same(run, "configuration", got, given, 64);
  _tile_release();
  _tile_storeconfig(got);
  memset(given, 0, 64);
  fp_check_same(run, "configuration after release", got, given, 64);
}

/// Loads and stores by every way to write an address.
static void check_addresses(fp_check_run *run) {
  uint8_t config[64];
  enum { stride = 72, area = 16 * stride };
  uint8_t *from = fp_check_memory(run, area, 0, false), *to = fp_check_memory(run, area, 4, false);
  configure(config);
  _tile_loadconfig(config);
#define MOVE_TILE(what, load, store, base, index)                                                  \
  do {                                                                                             \
    fill_random(run, from, area);                                                                  \
    memset(to, 0, area);                                                                           \
    register intptr_t step __asm__(index) = stride;                                                \
    register void *place __asm__(base) = from;                                                     \
    __asm__ volatile(load : "+r"(place), "+r"(step) : : "memory");                                 \
    place = to;                                                                                    \
    __asm__ volatile(store : "+r"(place), "+r"(step) : : "memory");                                \
    for (int row = 0; row < 16; row++)                                                             \
      fp_check_same(run, what, to + row * stride, from + row * stride, 64);                        \
  } while (0)
  MOVE_TILE("base + index", "tileloadd (%0,%1), %%tmm3", "tilestored %%tmm3, (%0,%1)", "rax",
            "rcx");
  MOVE_TILE("high registers", "tileloadd (%0,%1), %%tmm3", "tilestored %%tmm3, (%0,%1)", "r13",
            "r12");
  MOVE_TILE("disp8", "add $-8, %0\n tileloadd 8(%0,%1), %%tmm3",
            "add $16, %0\n tilestored %%tmm3, -16(%0,%1)", "r8", "rsi");
  MOVE_TILE("disp32", "sub $4096, %0\n tileloadd 4096(%0,%1), %%tmm3",
            "add $4096, %0\n tilestored %%tmm3, -4096(%0,%1)", "rdi", "r15");
  MOVE_TILE("scaled index", "shr $3, %1\n tileloadd (%0,%1,8), %%tmm3",
            "shl $2, %1\n tilestored %%tmm3, (%0,%1,2)", "rdx", "r9");
  MOVE_TILE("streaming load", "tileloaddt1 (%0,%1), %%tmm3", "tilestored %%tmm3, (%0,%1)", "rbx",
            "r10");
  MOVE_TILE("index without base", "shr $2, %1\n tileloadd (%0,%1,4), %%tmm3",
            "tilestored %%tmm3, (%0,%1,4)", "r11", "r14");
#undef MOVE_TILE
  _tile_release();
}

/// Without an index all rows come from one place; the configuration may lie beside the code.
static void check_rare_addresses(fp_check_run *run) {
  static const uint8_t beside_code[64] = {[0] = 1, [16 + 6] = 64, [48 + 3] = 16};
  static uint8_t stored[64];
  uint8_t *from = fp_check_memory(run, 64, 0, true), *to = fp_check_memory(run, 1024, 0, true);
  fill_random(run, from, 64);
  __asm__ volatile("ldtilecfg %1\n sttilecfg %0" : "=m"(stored) : "m"(beside_code));
  fp_check_same(run, "configuration by rip", stored, beside_code, 64);
  __asm__ volatile("tileloadd (%0), %%tmm3" : : "r"(from) : "memory");
  _tile_stored(tile_d, to, 64);
  for (int row = 0; row < 16; row++)
    fp_check_same(run, "row without stride", to + 64 * row, from, 64);
  _tile_release();
}

/// A load touches the configured bytes alone and clears the rest; so does TILEZERO.
static void check_partial_tiles(fp_check_run *run) {
  uint8_t config[64], expected[1024] = {0}, *to = fp_check_memory(run, 1024, 0, true);
  enum { bytes = 4 * columns };
  uint8_t *from = fp_check_memory(run, rows * bytes, 0, true);
  fill_random(run, from, rows * bytes);
  configure(config);
  _tile_loadconfig(config);
  _tile_loadd(tile_e, from, bytes);
  memset(to, 0, 1024);
  _tile_stored(tile_e, to, 64);
  for (int row = 0; row < rows; row++)
    memcpy(expected + 64 * row, from + bytes * row, bytes);
  fp_check_same(run, "small tile", to, expected, 1024);
  _tile_zero(tile_e);
  _tile_stored(tile_e, to, 64);
  memset(expected, 0, 1024);
  fp_check_same(run, "zeroed tile", to, expected, 1024);
  _tile_release();
}

/// The products' operands and results.
typedef struct product {
  uint8_t a[rows][4 * depth], b[depth][4 * columns], c[rows][4 * columns];
  uint8_t got[rows][4 * columns];
} product;

static void load_product(const product *product) {
  uint8_t config[64];
  configure(config);
  _tile_loadconfig(config);
  _tile_loadd(tile_a, product->a, sizeof product->a[0]);
  _tile_loadd(tile_b, product->b, sizeof product->b[0]);
  _tile_loadd(tile_c, product->c, sizeof product->c[0]);
}

static void store_product(product *product) {
  _tile_stored(tile_c, product->got, sizeof product->got[0]);
  _tile_release();
}

static int64_t byte_value(uint8_t byte, bool is_signed) { return is_signed ? (int8_t)byte : byte; }

static void compare_bytes(fp_check_run *run, const char *name, const product *product,
                          bool a_signed, bool b_signed) {
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++) {
      int32_t start, got;
      memcpy(&start, &product->c[row][4 * column], 4);
      memcpy(&got, &product->got[row][4 * column], 4);
      int64_t sum = start;
      for (int k = 0; k < 4 * depth; k++)
        sum += byte_value(product->a[row][k], a_signed) *
               byte_value(product->b[k / 4][4 * column + k % 4], b_signed);
      if ((uint32_t)sum != (uint32_t)got)
        fp_check_fail(run, "%s[%d, %d]: got %d, expected %lld", name, row, column, got,
                      (long long)sum);
    }
}

static void check_bytes(fp_check_run *run) {
  product product;
#define MULTIPLY(name, intrinsic, a_signed, b_signed)                                              \
  do {                                                                                             \
    fill_random(run, &product, sizeof product);                                                    \
    load_product(&product);                                                                        \
    intrinsic(tile_c, tile_a, tile_b);                                                             \
    store_product(&product);                                                                       \
    compare_bytes(run, name, &product, a_signed, b_signed);                                        \
  } while (0)
  MULTIPLY("TDPBSSD", _tile_dpbssd, true, true);
  MULTIPLY("TDPBSUD", _tile_dpbsud, true, false);
  MULTIPLY("TDPBUSD", _tile_dpbusd, false, true);
  MULTIPLY("TDPBUUD", _tile_dpbuud, false, false);
#undef MULTIPLY
}

static uint16_t bf16_at(const void *memory, int index) {
  uint16_t bits;
  memcpy(&bits, (const uint8_t *)memory + 2 * index, 2);
  return bits;
}

/// Flushes a float32 denormal to zero.
static float flush(float value) { return fpclassify(value) == FP_SUBNORMAL ? 0.0f : value; }

/// The plain loop of TDPBF16PS: even and odd elements summed apart, in order.
static float bf16_dot(const product *product, int row, int column) {
  float sums[2] = {0, 0}, start;
  for (int k = 0; k < 2 * depth; k++) {
    const float left = flush(fp_bf16_to_f32(bf16_at(product->a[row], k)));
    const float right = flush(fp_bf16_to_f32(bf16_at(product->b[k / 2], 2 * column + k % 2)));
    sums[k % 2] = flush(fmaf(left, right, sums[k % 2]));
  }
  memcpy(&start, &product->c[row][4 * column], 4);
  return flush(flush(start) + flush(sums[0] + sums[1]));
}

static void compare_bf16(fp_check_run *run, product *product) {
  load_product(product);
  _tile_dpbf16ps(tile_c, tile_a, tile_b);
  store_product(product);
  float got[columns], want[columns];
  for (int row = 0; row < rows; row++) {
    memcpy(got, product->got[row], sizeof got);
    for (int column = 0; column < columns; column++)
      want[column] = bf16_dot(product, row, column);
    fp_check_close(run, "TDPBF16PS", got, want, columns, 0, 0); // the same order: the same bits
  }
}

static void fill_bf16(fp_check_run *run, void *target, int count) {
  for (int i = 0; i < count; i++) {
    const uint16_t bits = fp_f32_to_bf16(fp_check_random_float(run));
    memcpy((uint8_t *)target + 2 * i, &bits, 2);
  }
}

static void check_bf16(fp_check_run *run) {
  product product;
  for (int round = 0; round < 20; round++) {
    fill_bf16(run, product.a, rows * 2 * depth);
    fill_bf16(run, product.b, depth * 2 * columns);
    for (int i = 0; i < rows * columns; i++) {
      const float value = fp_check_random_float(run);
      memcpy((uint8_t *)product.c + 4 * i, &value, 4);
    }
    compare_bf16(run, &product);
  }
  for (int round = 0; round < 200; round++) { // any bits: NaN, infinities, denormals
    fill_random(run, &product, sizeof product);
    compare_bf16(run, &product);
  }
}

#pragma clang attribute pop

/// What a processor refuses ends a program; the emulator's step is asked directly.
static void check_refusals(fp_check_run *run) {
  static const uint8_t dot[] = {0xc4, 0xe2, 0x6a, 0x5c, 0xc1};    // tdpbf16ps tmm0, tmm1, tmm2
  static const uint8_t same[] = {0xc4, 0xe2, 0x72, 0x5c, 0xc1};   // tdpbf16ps tmm0, tmm1, tmm1
  static const uint8_t zero[] = {0xc4, 0xe2, 0x7b, 0x49, 0xe8};   // tilezero tmm5
  static const uint8_t config[] = {0xc4, 0xe2, 0x78, 0x49, 0x00}; // ldtilecfg (%rax)
  static const uint8_t trap[] = {0x0f, 0x0b, 0, 0, 0};            // ud2
  static const struct {
    const uint8_t *code;
    int byte, value; // changed in the configuration
    fp_amx_outcome outcome;
    const char *message;
  } cases[] = {
      {dot, 0, 0, FP_AMX_FAULT, "TDPBF16PS before LDTILECFG"},
      {dot, 16 + 2 * tile_a, 8, FP_AMX_FAULT, "TDPBF16PS with a.rows=5, a.colsb=8, b.rows=3"},
      {dot, 48 + tile_c, 4, FP_AMX_FAULT, "c.rows=4"},
      {dot, 16 + 2 * tile_b, 26, FP_AMX_FAULT, "colsb=26: not a multiple of 4"},
      {same, 0, 1, FP_AMX_FAULT, "TDPBF16PS of tiles 0, 1, 1: they must differ"},
      {zero, 0, 1, FP_AMX_FAULT, "TILEZERO of tile 5, which is not configured"},
      {config, 0, 2, FP_AMX_FAULT, "LDTILECFG with palette 2"},
      {config, 48, 17, FP_AMX_FAULT, "LDTILECFG with tile 0 of rows=17"},
      {config, 16, 65, FP_AMX_FAULT, "colsb=65"},
      {config, 48, 0, FP_AMX_FAULT, "rows=0, colsb=28"},
      {config, 40, 1, FP_AMX_FAULT, "reserved bytes"},
      {trap, 0, 1, FP_AMX_FOREIGN, ""},
      {dot, 0, 1, FP_AMX_EXECUTED, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[64];
    char message[256] = "";
    fp_amx_tiles tiles;
    configure(bytes);
    bytes[cases[i].byte] = (uint8_t)cases[i].value;
    fp_amx_registers registers = {.general = {(uint64_t)(uintptr_t)bytes},
                                  .rip = (uint64_t)(uintptr_t)config};
    fp_amx_outcome outcome = fp_amx_step(&tiles, &registers, message, sizeof message);
    if (cases[i].code != config) {
      if (outcome != FP_AMX_EXECUTED)
        fp_check_fail(run, "case %zu: the configuration was refused: %s", i, message);
      registers.rip = (uint64_t)(uintptr_t)cases[i].code;
      outcome = fp_amx_step(&tiles, &registers, message, sizeof message);
    }
    const uint64_t length = outcome == FP_AMX_EXECUTED ? 5 : 0;
    if (outcome != cases[i].outcome || strstr(message, cases[i].message) == NULL ||
        registers.rip != (uint64_t)(uintptr_t)cases[i].code + length)
      fp_check_fail(run, "case %zu: outcome %d, message \"%s\", expected %d, \"%s\"", i, outcome,
                    message, cases[i].outcome, cases[i].message);
  }
}

#define AT_LEVEL_AMX(check)                                                                        \
  static void check##_at_amx(fp_check_run *run) {                                                  \
    if (run->kernels->isa == FP_ISA_AMX)                                                           \
      check(run);                                                                                  \
  }
AT_LEVEL_AMX(check_configuration)
AT_LEVEL_AMX(check_addresses)
AT_LEVEL_AMX(check_rare_addresses)
AT_LEVEL_AMX(check_partial_tiles)
AT_LEVEL_AMX(check_bytes)
AT_LEVEL_AMX(check_bf16)
AT_LEVEL_AMX(check_refusals)

static const fp_check checks[] = {
    {"amx.configuration", check_configuration_at_amx},
    {"amx.addresses", check_addresses_at_amx},
    {"amx.rare_addresses", check_rare_addresses_at_amx},
    {"amx.partial_tiles", check_partial_tiles_at_amx},
    {"amx.bytes", check_bytes_at_amx},
    {"amx.bf16", check_bf16_at_amx},
    {"amx.refusals", check_refusals_at_amx},
};

const fp_check_topic fp_amx_checks = {checks, sizeof checks / sizeof *checks};
#else
const fp_check_topic fp_amx_checks = {NULL, 0};
#endif
