// Winograd's transforms in plain C: the reference.
#include "fp_winograd.h"
#include "winograd_constants.h"

#include <string.h>

/// One axis of the input's transform: d[6], `step` floats apart.
static void transform_input(const float *d, int step, float *t) {
  const float a = (float)FP_WINOGRAD_A, b = (float)FP_WINOGRAD_B;
  const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
              d5 = d[5 * step];
  const float even_a = d4 - 2 * d2, odd_a = a * (d3 - 2 * d1);
  const float even_b = d4 - 0.5f * d2, odd_b = b * (d3 - 0.5f * d1);
  t[0] = d4 - 2.5f * d2 + d0;
  t[step] = even_a + odd_a;
  t[2 * step] = even_a - odd_a;
  t[3 * step] = even_b + odd_b;
  t[4 * step] = even_b - odd_b;
  t[5 * step] = d5 - 2.5f * d3 + d1;
}

/// One axis of the way back: m[6] to y[4].
static void transform_output(const float *m, int m_step, float *y, int y_step) {
  const float a = (float)FP_WINOGRAD_A, b = (float)FP_WINOGRAD_B;
  const float sum_a = m[m_step] + m[2 * m_step], difference_a = m[m_step] - m[2 * m_step];
  const float sum_b = m[3 * m_step] + m[4 * m_step], difference_b = m[3 * m_step] - m[4 * m_step];
  y[0] = m[0] + sum_a + sum_b;
  y[y_step] = a * difference_a + b * difference_b;
  y[2 * y_step] = 0.5f * sum_a + 2 * sum_b;
  y[3 * y_step] = 0.5f * a * difference_a + 2 * b * difference_b + m[5 * m_step];
}

static float pixel_value(const fp_winograd_input_args *args, int row, int column, int64_t channel) {
  if (row < args->row_begin || row >= args->row_end || column < args->column_begin ||
      column >= args->column_end)
    return 0;
  float x;
  memcpy(&x, (const char *)args->source + row * args->row + column * args->pixel + channel * 4, 4);
  if (args->multiply)
    x *= args->multiply[channel];
  if (args->add)
    x += args->add[channel];
  return args->rectify && x < 0 ? 0 : x;
}

static void input(const fp_winograd_input_args *args) {
  for (int64_t channel = 0; channel < args->channels; channel++) {
    float d[36], t[36], v[36];
    for (int i = 0; i < 36; i++)
      d[i] = pixel_value(args, i / 6, i % 6, channel);
    for (int row = 0; row < 6; row++)
      transform_input(d + 6 * row, 1, t + 6 * row);
    for (int column = 0; column < 6; column++)
      transform_input(t + column, 6, v + column);
    char *target = (char *)args->target + channel / 16 * args->chunk + channel % 16 * 4;
    for (int i = 0; i < 36; i++)
      memcpy(target + i * args->point, &v[i], 4);
  }
}

static void output(const fp_winograd_output_args *args) {
  for (int64_t lane = 0; lane < args->lanes; lane++) {
    float m[36], t[24], y[16];
    for (int i = 0; i < 36; i++)
      memcpy(&m[i], (const char *)args->sums + i * args->point + lane * 4, 4);
    for (int row = 0; row < 6; row++)
      transform_output(m + 6 * row, 1, t + 4 * row, 1);
    for (int column = 0; column < 4; column++)
      transform_output(t + column, 4, y + column, 4);
    for (int i = 0; i < 16; i++)
      memcpy((char *)args->target + i / 4 * args->row + i % 4 * args->column + lane * 4, &y[i], 4);
  }
}

void fp_winograd_init_generic(fp_winograd_kernels *kernels) {
  *kernels = (fp_winograd_kernels){.input = input, .output = output};
}
