/* The network's first convolution, 3 channels to 64 or so, by the direct algorithm: its few inputs stay in registers' reach, so a
   transform would cost more than it saves.  Channels last; pictures have a border of zeros around them, and rows of them are done, so
   that its large output need never exist whole.  A sum has a fixed order, whatever the threads. */
#include <stddef.h>

#include "tile.h"

enum { IN = 3, REACH = 3 * IN, TAPS = 3 * REACH }; /* inputs of one tap row, and of one output */

/* Kernels g[out][IN][3][3] -> u[out / NR][TAPS][NR], taps row by row, then column, then channel; out is a multiple of NR. */
void opening_pack(const float *g, float *u, int out) {
    for (int k = 0; k < out; k++)
        for (int t = 0; t < TAPS; t++)
            u[((int64_t)(k / NR) * TAPS + t) * NR + k % NR] = g[(k * IN + t % IN) * 9 + t / IN];
}

/* y[row][width][out] = ReLU(u * x + bias), rows first .. last - 1 of y.  x: [.][stride][IN], its row r holding the picture's row
   r - 1 + (what y's row 0 is), its first column a border, and MR columns readable past the last one. */
void opening_forward(const float *x, const float *u, const float *bias, float *y, int width, int stride, int out, int first, int last) {
    for (int r = first; r < last; r++)
        for (int p = 0; p < width; p += MR) {
            const int count = width - p < MR ? width - p : MR;
            for (int k = 0; k < out; k += NR) {
                vec sum[MR][2];
                const vec b0 = load(bias + k), b1 = load(bias + k + VL);
#pragma GCC unroll 12
                for (int i = 0; i < MR; i++) sum[i][0] = b0, sum[i][1] = b1;
                const float *panel = u + (int64_t)k * TAPS;
                for (int t = 0; t < 3; t++, panel += REACH * NR)
                    add_products(sum, MR, x + ((int64_t)(r + t) * stride + p) * IN, IN, 1, panel, NR, REACH, NULL);
                float *to = y + ((int64_t)r * width + p) * out + k;
                for (int i = 0; i < count; i++, to += out) {
                    store(to, keep(sum[i][0], ~(sum[i][0] <= 0.f))); /* a NaN passes, so that it is seen */
                    store(to + VL, keep(sum[i][1], ~(sum[i][1] <= 0.f)));
                }
            }
        }
}

enum { COLUMNS = (TAPS + NR - 1) / NR * NR, MOST_OUT = 2048 };

/* Kernels g[out][IN][3][3] -> w[COLUMNS / NR][out][NR], the taps in the order of opening_pack, zeros after them. */
void opening_pack_back(const float *g, float *w, int out) {
    for (int t = 0; t < COLUMNS; t++)
        for (int k = 0; k < out; k++)
            w[((int64_t)(t / NR) * out + k) * NR + t % NR] = t < TAPS ? g[(k * IN + t % IN) * 9 + t / IN] : 0.f;
}

/* What each output sends back to its TAPS inputs: t[row][1 + column][COLUMNS], rows first .. last - 1, of the gradient g[row][width][out]
   at the outputs y (which says where the ReLU let through).  stride: columns of a row of t, width + 2 at least. */
void opening_columns(const float *g, const float *y, const float *w, float *t, int width, int stride, int out, int first, int last) {
    float gated[MR * MOST_OUT] __attribute__((aligned(64)));
    for (int r = first; r < last; r++)
        for (int p = 0; p < width; p += MR) {
            const int count = width - p < MR ? width - p : MR;
            const int64_t at = ((int64_t)r * width + p) * out;
            for (int k = 0; k < count * out; k += VL) store(gated + k, keep(load(g + at + k), ~(load(y + at + k) <= 0.f)));
            for (int k = count * out; k < MR * out; k += VL) store(gated + k, (vec){0});
            float *to = t + ((int64_t)r * stride + 1 + p) * COLUMNS;
            for (int c = 0; c < COLUMNS; c += NR) {
                vec sum[MR][2];
                set_zero(sum, MR);
                add_products(sum, MR, gated, out, 1, w + (int64_t)c * out, NR, out, NULL);
                for (int i = 0; i < count; i++) {
                    store(to + (int64_t)i * COLUMNS + c, sum[i][0]);
                    store(to + (int64_t)i * COLUMNS + c + VL, sum[i][1]);
                }
            }
        }
}

/* Adds to x[row][width][IN], rows first .. last - 1 (from -1 to rows), what the rows 0 .. rows - 1 of t send there; the columns 0 and
   width + 1 of t are zeros. */
void opening_gather(const float *t, float *x, int width, int stride, int rows, int first, int last) {
    for (int q = first; q < last; q++)
        for (int d = 0; d < 3; d++) {
            const int r = q + 1 - d;
            if (r < 0 || r >= rows) continue;
            const float *from = t + (int64_t)r * stride * COLUMNS + d * REACH;
            float *to = x + (int64_t)q * width * IN;
            for (int p = 0; p < width; p++, from += COLUMNS, to += IN)
                for (int c = 0; c < IN; c++) to[c] += from[2 * COLUMNS + c] + from[COLUMNS + IN + c] + from[2 * IN + c];
        }
}

int opening_columns_wide(void) { return COLUMNS; }
