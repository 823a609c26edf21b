/* What callers must know of the library: a number that changes with its interface, the multiple that channels must be, the rows of a
   register tile. */
#include "vector.h"

int native_version(void) { return 4; }
int native_channels(void) { return NR; }
int native_rows(void) { return MR; }
