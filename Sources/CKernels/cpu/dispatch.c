// Fills one table of kernels for each instruction set level, once.
#include "fp_cpu.h"
#include "fp_kernels.h"

#include <pthread.h>

static fp_kernels tables[FP_ISA_COUNT];
static pthread_once_t fill_once = PTHREAD_ONCE_INIT;

static void fill_generic(fp_kernels *kernels) {
  fp_attention_init_generic(&kernels->attention);
  fp_convert_init_generic(&kernels->convert);
  fp_matmul_init_generic(&kernels->matmul);
  fp_conv_init_generic(&kernels->conv);
  fp_winograd_init_generic(&kernels->winograd);
  fp_peak_init_generic(&kernels->peak);
  fp_elementwise_init_generic(&kernels->elementwise);
  fp_norm_init_generic(&kernels->norm);
  fp_softmax_init_generic(&kernels->softmax);
  fp_rope_init_generic(&kernels->rope);
  fp_resample_init_generic(&kernels->resample);
  fp_pool_init_generic(&kernels->pool);
  fp_reduce_init_generic(&kernels->reduce);
  fp_procedural_init_generic(&kernels->procedural);
  fp_lowrank_init_generic(&kernels->lowrank);
}

#if defined(__x86_64__)
static void fill_avx2(fp_kernels *kernels) {
  fp_attention_init_avx2(&kernels->attention);
  fp_convert_init_avx2(&kernels->convert);
  fp_matmul_init_avx2(&kernels->matmul);
  fp_conv_init_avx2(&kernels->conv);
  fp_winograd_init_avx2(&kernels->winograd);
  fp_peak_init_avx2(&kernels->peak);
  fp_elementwise_init_avx2(&kernels->elementwise);
  fp_norm_init_avx2(&kernels->norm);
  fp_softmax_init_avx2(&kernels->softmax);
  fp_rope_init_avx2(&kernels->rope);
  fp_resample_init_avx2(&kernels->resample);
  fp_pool_init_avx2(&kernels->pool);
  fp_reduce_init_avx2(&kernels->reduce);
  fp_procedural_init_avx2(&kernels->procedural);
  fp_lowrank_init_avx2(&kernels->lowrank);
}

static void fill_avx512(fp_kernels *kernels, uint32_t features) {
  fp_attention_init_avx512(&kernels->attention, features);
  fp_convert_init_avx512(&kernels->convert, features);
  fp_matmul_init_avx512(&kernels->matmul, features);
  fp_conv_init_avx512(&kernels->conv);
  fp_winograd_init_avx512(&kernels->winograd);
  fp_peak_init_avx512(&kernels->peak, features);
  fp_elementwise_init_avx512(&kernels->elementwise);
  fp_norm_init_avx512(&kernels->norm);
  fp_softmax_init_avx512(&kernels->softmax);
  fp_rope_init_avx512(&kernels->rope);
  fp_resample_init_avx512(&kernels->resample);
  fp_pool_init_avx512(&kernels->pool);
  fp_reduce_init_avx512(&kernels->reduce);
  fp_procedural_init_avx512(&kernels->procedural);
  fp_lowrank_init_avx512(&kernels->lowrank, features);
}

static void fill_amx(fp_kernels *kernels) {
  fp_attention_init_amx(&kernels->attention);
  fp_matmul_init_amx(&kernels->matmul);
  fp_peak_init_amx(&kernels->peak);
}
#elif defined(__aarch64__)
static void fill_neon(fp_kernels *kernels) {
  fp_attention_init_neon(&kernels->attention);
  fp_convert_init_neon(&kernels->convert);
  fp_matmul_init_neon(&kernels->matmul);
  fp_conv_init_neon(&kernels->conv);
  fp_winograd_init_neon(&kernels->winograd);
  fp_peak_init_neon(&kernels->peak);
  fp_elementwise_init_neon(&kernels->elementwise);
  fp_norm_init_neon(&kernels->norm);
  fp_softmax_init_neon(&kernels->softmax);
  fp_rope_init_neon(&kernels->rope);
  fp_resample_init_neon(&kernels->resample);
  fp_pool_init_neon(&kernels->pool);
  fp_reduce_init_neon(&kernels->reduce);
}
#endif

static void fill_tables(void) {
  for (int isa = 0; isa < FP_ISA_COUNT; isa++) {
    fp_kernels *kernels = &tables[isa];
    kernels->isa = (fp_isa)isa;
    fill_generic(kernels);
#if defined(__x86_64__)
    if (isa >= FP_ISA_AVX2)
      fill_avx2(kernels);
    if (isa >= FP_ISA_AVX512)
      fill_avx512(kernels, fp_cpu_features());
    if (isa >= FP_ISA_AMX)
      fill_amx(kernels);
#elif defined(__aarch64__)
    if (isa == FP_ISA_NEON)
      fill_neon(kernels);
#endif
  }
}

const fp_kernels *fp_kernels_for(fp_isa isa) {
  pthread_once(&fill_once, fill_tables);
  return fp_cpu_runs_isa(isa) ? &tables[isa] : NULL;
}
