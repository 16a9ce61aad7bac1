/// Pixels into frames and depthwise sums on vectors of FP_LANES floats. Included once for each
/// instruction set, inside its target attribute and after its `fp_vector_<isa>.h`; the compiler
/// lowers the vector operations.

typedef float vfloat __attribute__((vector_size(FP_LANES * 4)));
typedef int32_t vint __attribute__((vector_size(FP_LANES * 4)));
typedef uint32_t vword __attribute__((vector_size(FP_LANES * 4)));
typedef uint16_t vhalf __attribute__((vector_size(FP_LANES * 2)));

#define FP_INLINE static inline __attribute__((always_inline))

FP_INLINE vfloat choose(vint mask, vfloat yes, vfloat no) {
  return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
}

/// The first `count` elements, zeros after them.
FP_INLINE vfloat load_floats(const char *place, fp_dtype type, int64_t count) {
  if (type == FP_F32)
    return count >= FP_LANES ? (vfloat)fp_vec_load_f32(place)
                             : (vfloat)fp_vec_load_part_f32(place, (size_t)count);
  vhalf bits = {0};
  if (count >= FP_LANES)
    memcpy(&bits, place, sizeof bits);
  else
    memcpy(&bits, place, (size_t)count * 2);
  return (vfloat)(__builtin_convertvector(bits, vword) << 16);
}

/// Nearest bfloat16, ties to even, in the upper half of each word; a NaN is made quiet.
FP_INLINE vword round_bits(vfloat value) {
  const vword word = (vword)value;
  const vword rounded = word + 0x7fffu + ((word >> 16) & 1u);
  const vint nan = value != value;
  return ((vword)nan & (word | 0x400000u)) | (~(vword)nan & rounded);
}

FP_INLINE void store_floats(char *place, fp_dtype type, bool round, int64_t count, vfloat value) {
  if (type == FP_F32) {
    if (round)
      value = (vfloat)(round_bits(value) & 0xffff0000u);
    if (count >= FP_LANES)
      fp_vec_store_f32(place, (fp_vec)value);
    else
      fp_vec_store_part_f32(place, (fp_vec)value, (size_t)count);
    return;
  }
  const vhalf bits = __builtin_convertvector(round_bits(value) >> 16, vhalf);
  if (count >= FP_LANES)
    memcpy(place, &bits, sizeof bits);
  else
    memcpy(place, &bits, (size_t)count * 2);
}

/// e^x: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]; overflows to infinity; a NaN to anything.
FP_INLINE vfloat exponential(vfloat x) {
  const vfloat top = (vfloat){0} + 89.0f, bottom = (vfloat){0} - 87.0f;
  x = choose(x < top, x, top);
  x = choose(x > bottom, x, bottom);
  const float magic = 12582912.0f; // 1.5 * 2^23: adding it rounds to a whole number
  const vfloat n = (x * 1.44269504f + magic) - magic;
  const vfloat r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vfloat p = r * (1.0f / 720) + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const vint whole = __builtin_convertvector(n, vint), half = whole >> 1; // 2^128 in two steps
  return p * (vfloat)((half + 127) << 23) * (vfloat)((whole - half + 127) << 23);
}

FP_INLINE vfloat activated(vfloat x, fp_activation activation) {
  if (activation == FP_ACTIVATION_SILU)
    return x / (1.0f + exponential(-x));
  if (activation == FP_ACTIVATION_RELU)
    return choose(x < (vfloat){0}, (vfloat){0}, x);
  return x;
}

FP_INLINE float sum_of(vfloat value) {
  float parts[FP_LANES];
  memcpy(parts, &value, sizeof parts);
  for (int width = FP_LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++)
      parts[i] += parts[i + width];
  return parts[0];
}

FP_INLINE float length_of(const char *source, fp_dtype type, int64_t channels) {
  vfloat even = {0}, odd = {0};
  const int64_t size = type == FP_F32 ? 4 : 2;
  for (int64_t c = 0; c < channels; c += 2 * FP_LANES) {
    const vfloat x = load_floats(source + c * size, type, channels - c);
    even += x * x;
    if (channels - c > FP_LANES) {
      const vfloat y =
          load_floats(source + (c + FP_LANES) * size, type, channels - c - FP_LANES);
      odd += y * y;
    }
  }
  return sqrtf(sum_of(even + odd));
}

FP_INLINE void pixel(const fp_pixel_args *args, const char *source, char *target,
                     fp_dtype source_type, fp_dtype target_type) {
  const int64_t source_size = source_type == FP_F32 ? 4 : 2;
  const int64_t target_size = target_type == FP_F32 ? 4 : 2;
  float scale = 1;
  if (args->norm_scale != 0) {
    const float length = length_of(source, source_type, args->channels);
    scale = args->norm_scale / (length < 1e-12f ? 1e-12f : length);
  }
  for (int64_t c = 0; c < args->channels; c += FP_LANES) {
    const int64_t count = args->channels - c;
    vfloat x = load_floats(source + c * source_size, source_type, count) * scale;
    if (args->multiply)
      x *= load_floats((const char *)(args->multiply + c), FP_F32, count);
    if (args->add)
      x += load_floats((const char *)(args->add + c), FP_F32, count);
    store_floats(target + c * target_size, target_type, args->round, count,
                 activated(x, args->activation));
  }
  if (args->padding > 0)
    memset(target + args->channels * target_size, 0, (size_t)(args->padding * target_size));
}

FP_INLINE void all_pixels(const fp_pixel_args *args, fp_dtype source_type, fp_dtype target_type) {
  const char *source = args->source;
  char *target = args->target;
  for (int64_t i = 0; i < args->pixels; i++)
    pixel(args, source + i * args->source_pixel, target + i * args->target_pixel, source_type,
          target_type);
}

/// A few channels as they are: vectors would be all tail.
FP_INLINE void copy_pixels(const fp_pixel_args *args, fp_dtype source_type, fp_dtype target_type) {
  for (int64_t i = 0; i < args->pixels; i++) {
    const char *source = (const char *)args->source + i * args->source_pixel;
    char *target = (char *)args->target + i * args->target_pixel;
    for (int64_t c = 0; c < args->channels; c++)
      fp_conv_set_element(target, target_type, args->round, c,
                          fp_element(source, source_type, (size_t)c));
    for (int64_t c = args->channels; c < args->channels + args->padding; c++)
      fp_conv_set_element(target, target_type, false, c, 0);
  }
}

FP_INLINE void pixels_of(const fp_pixel_args *args, fp_dtype source_type, fp_dtype target_type) {
  const bool plain = args->norm_scale == 0 && !args->multiply && !args->add &&
                     args->activation == FP_ACTIVATION_NONE;
  if (plain && args->channels <= 4)
    copy_pixels(args, source_type, target_type);
  else
    all_pixels(args, source_type, target_type);
}

static void pixels(const fp_pixel_args *args) {
  if (args->source_type == FP_F32 && args->target_type == FP_F32)
    pixels_of(args, FP_F32, FP_F32);
  else if (args->source_type == FP_F32)
    pixels_of(args, FP_F32, FP_BF16);
  else if (args->target_type == FP_F32)
    pixels_of(args, FP_BF16, FP_F32);
  else
    pixels_of(args, FP_BF16, FP_BF16);
}

/// Positions whose sums are held at a time: each weight is loaded once for them.
enum { depthwise_block = FP_LANES == 16 ? 8 : 4 };

FP_INLINE void depthwise_positions(const fp_depthwise_args *args, int64_t position, int count) {
  const ptrdiff_t *offsets = args->offsets;
  const ptrdiff_t step = args->a_step;
  const int64_t taps = args->taps, channels = args->channels;
  const char *a = (const char *)args->a + position * step;
  float *c = args->c + position * channels;
  for (int64_t channel = 0; channel < channels; channel += FP_LANES) {
    const float *weights = args->weights + channel;
    vfloat sums[depthwise_block] = {{0}};
    for (int64_t tap = 0; tap < taps; tap++) {
      const char *place = a + offsets[tap] + channel * 4;
      vfloat weight;
      memcpy(&weight, weights + tap * channels, sizeof weight);
#pragma clang loop unroll(full)
      for (int i = 0; i < count; i++) {
        vfloat x;
        memcpy(&x, place + i * step, sizeof x);
        sums[i] += x * weight;
      }
    }
    if (count == depthwise_block && taps > 0) // the next positions' pixels of the last row
#pragma clang loop unroll(full)
      for (int i = 0; i < count; i++)
        __builtin_prefetch(a + offsets[taps - 1] + channel * 4 + (count + i) * step);
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++)
      memcpy(c + i * channels + channel, &sums[i], sizeof sums[i]);
  }
}

static void depthwise(const fp_depthwise_args *args) {
  int64_t position = 0;
  for (; position + depthwise_block <= args->positions; position += depthwise_block)
    depthwise_positions(args, position, depthwise_block);
  for (; position < args->positions; position++)
    depthwise_positions(args, position, 1);
}
