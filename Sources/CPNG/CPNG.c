#include "CPNG.h"

#include <png.h>

_Static_assert(PNG_LIBPNG_VER >= 10600, "libpng 1.6");
