/// The interpolation points beside 0 and infinity: plus and minus each of these.
#ifndef FP_WINOGRAD_CONSTANTS_H
#define FP_WINOGRAD_CONSTANTS_H

#define FP_WINOGRAD_A 0.70710678118654752440 // sqrt(1/2)
#define FP_WINOGRAD_B 1.41421356237309504880 // sqrt(2)

#endif
