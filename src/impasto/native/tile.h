/* The one inner loop of all products here: a tile of sums that fills the registers. */
#ifndef IMPASTO_TILE_H
#define IMPASTO_TILE_H
#include "vector.h"

/* sum[rows][NR] += a[rows][depth] . u[depth][NR]; row and step: from one row, and from one column, of a to the next.  Meanwhile a panel
   like u comes into the second cache from `ahead` on, unless that is NULL. */
INLINE void add_products(vec sum[MR][2], const int rows, const float *a, int64_t row, int64_t step, const float *u, int64_t u_step,
                         int depth, const float *ahead) {
    for (int d = 0; d < depth; d++) {
        const vec u0 = load(u + d * u_step), u1 = load(u + d * u_step + VL);
        if (ahead) {
            __builtin_prefetch(ahead + d * u_step, 0, 2);
            if (sizeof(float) * NR > 64) __builtin_prefetch(ahead + d * u_step + VL, 0, 2);
        }
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            const float s = a[i * row + d * step];
            sum[i][0] += s * u0;
            sum[i][1] += s * u1;
        }
    }
}

INLINE void set_zero(vec sum[MR][2], const int rows) {
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (vec){0};
}
#endif
