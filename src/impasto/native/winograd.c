/* 3x3 convolution (stride 1, padding 1) of one picture, channels last, with a quarter of the multiplications.

   Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2015 (arXiv 1509.09308), section 4.3.  A tile of 4x4 outputs needs 6x6
   inputs d and a kernel g:  Y = A' [ (G g G') * (B' d B) ] A.  For each of the 36 frequencies the products over channels are one
   matrix product  P[tile][out] = V[tile][in] . U[in][out],  so 36 multiplications replace 144.

   Tiles are taken in blocks small enough for the caches; a block is transformed, multiplied, transformed back and finished (bias,
   ReLU, 2x2 max pooling) before the next, so that nothing but input and output touches memory.  A tile's sums have a fixed order, so
   the result does not depend on blocks or threads.  Threads share a job and take items from it until none is left: a block, or where
   there are too few blocks for all threads, one for some of its output channels, which reads only their kernels. */
#include <stdatomic.h>
#include <stddef.h>

#include "tile.h"

enum { DEPTH = 256, M = 4, N = M + 2, FREQUENCIES = N * N, MOST_CHANNELS = 2048, LINE = 64, STEP = MR / 3 };

typedef int8_t bvec __attribute__((vector_size(VL)));
typedef int8_t loose_bvec __attribute__((vector_size(VL), aligned(1), may_alias));

/* What the backward pass must know of the forward one, a byte for each output: -1 where the ReLU let it pass, else 0; after
   pooling, which of the four (0 to 3, row by row) was largest, or -1 where none was above 0. */
typedef int8_t mark;

enum { PLAIN = 0, RELU = 1, RELU_POOL = 2 };

typedef struct {
    const float *x;     /* [height][width][channels_in], or [height/2][width/2][channels_in] where x_is RELU_POOL */
    const mark *x_mark; /* of x's shape: x is a gradient that goes back through what made the marks; NULL where x_is PLAIN */
    const float *u;     /* packed by winograd_pack */
    const float *bias;  /* [channels_out], or NULL */
    float *y;           /* [height][width][channels_out], or [height/2][width/2][channels_out] where y_is RELU_POOL */
    mark *y_mark;       /* of y's shape, or NULL */
    int32_t height, width, channels_in, channels_out;
    int32_t x_is, y_is, block;
    int32_t parts; /* of the output channels, that are items of their own */
    int32_t first_row, last_row; /* only the outputs (of a PLAIN or RELU y's rows) first_row .. last_row - 1, multiples of 4 or the end */
    _Atomic int32_t next;
} job;

INLINE ivec load_mark(const mark *p) { return __builtin_convertvector((bvec)*(const loose_bvec *)p, ivec); }
INLINE void store_mark(mark *p, ivec v) { *(loose_bvec *)p = (loose_bvec)__builtin_convertvector(v, bvec); }

/* B' d */
INLINE void forward_1d(const vec d[N], vec r[N]) {
    vec a = d[4] - 4.f * d[2], b = d[3] - 4.f * d[1], c = d[4] - d[2], e = 2.f * (d[3] - d[1]);
    r[0] = 4.f * d[0] - 5.f * d[2] + d[4];
    r[1] = a + b;
    r[2] = a - b;
    r[3] = c + e;
    r[4] = c - e;
    r[5] = 4.f * d[1] - 5.f * d[3] + d[5];
}

/* A' q */
INLINE void back_1d(const vec q[N], vec y[M]) {
    vec s1 = q[1] + q[2], t1 = q[1] - q[2], s2 = q[3] + q[4], t2 = q[3] - q[4];
    y[0] = q[0] + s1 + s2;
    y[1] = t1 + 2.f * t2;
    y[2] = s1 + 4.f * s2;
    y[3] = t1 + 8.f * t2 + q[5];
}

/* G g */
INLINE void kernel_1d(const vec g[3], vec r[N]) {
    vec even = g[0] + g[2], wide = g[0] + 4.f * g[2];
    r[0] = g[0] / 4.f;
    r[1] = -(even + g[1]) / 6.f;
    r[2] = -(even - g[1]) / 6.f;
    r[3] = (wide + 2.f * g[1]) / 24.f;
    r[4] = (wide - 2.f * g[1]) / 24.f;
    r[5] = g[2];
}

static const float zeros[MOST_CHANNELS] __attribute__((aligned(64)));

/* Whether the input at row i, column k of a tile is one that the next tile in the row needs and this one does not have, shifted by a
   tile; of the four inputs that one pooled cell stands for, only one. */
INLINE int is_new(const int x_is, int i, int k) { return x_is == RELU_POOL ? k >= 3 && k % 2 == 1 && (i == 0 || i % 2 == 1) : k >= 2; }

/* The 6x6 inputs of a tile, transformed: v[frequency * stride + channel].  They lie in 6 rows far from each other, read a few lines at
   a time, which no processor foresees; so those of the next tile are asked for here (beyond a picture's edge in vain). */
INLINE void tile_in(const job *j, const int x_is, int ty, int tx, float *v, int64_t stride) {
    const int channels = j->channels_in, height = j->height, width = j->width;
    const float *at[N][N];
    const mark *mark_at[N][N];
    int32_t position[N][N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            int r = ty * M - 1 + i, q = tx * M - 1 + k, inside = r >= 0 && q >= 0;
            int64_t cell;
            if (x_is == RELU_POOL) {
                inside = inside && r < (height & ~1) && q < (width & ~1);
                cell = (int64_t)(r >> 1) * (width >> 1) + (q >> 1);
            } else {
                inside = inside && r < height && q < width;
                cell = (int64_t)r * width + q;
            }
            at[i][k] = inside ? j->x + cell * channels : zeros;
            mark_at[i][k] = inside && x_is != PLAIN ? j->x_mark + cell * channels : (const mark *)zeros;
            position[i][k] = 2 * (r & 1) + (q & 1);
        }
    const int64_t next = (int64_t)(x_is == RELU_POOL ? M / 2 : M) * channels;
    for (int c = 0; c < channels; c += VL) {
        vec half[N][N];
#pragma GCC unroll 6
        for (int k = 0; k < N; k++) {
            vec d[N], r[N];
#pragma GCC unroll 6
            for (int i = 0; i < N; i++) {
                d[i] = load(at[i][k] + c);
                if (is_new(x_is, i, k)) {
                    __builtin_prefetch(at[i][k] + next + c, 0, 3);
                    if (x_is != PLAIN && c % LINE == 0) __builtin_prefetch(mark_at[i][k] + next + c, 0, 3);
                }
                if (x_is == RELU) d[i] = keep(d[i], load_mark(mark_at[i][k] + c));
                if (x_is == RELU_POOL) d[i] = keep(d[i], load_mark(mark_at[i][k] + c) == position[i][k]);
            }
            forward_1d(d, r);
#pragma GCC unroll 6
            for (int i = 0; i < N; i++) half[i][k] = r[i];
        }
#pragma GCC unroll 6
        for (int i = 0; i < N; i++) {
            vec r[N];
            forward_1d(half[i], r);
#pragma GCC unroll 6
            for (int k = 0; k < N; k++) store(v + (i * N + k) * stride + c, r[k]);
        }
    }
}

/* The 4x4 outputs of a tile, channels from .. to - 1, from its products p[frequency * stride + channel]: back, bias, ReLU, pooling;
   cut at the border. */
INLINE void tile_out(const job *j, const int y_is, int ty, int tx, const float *p, int64_t stride, int from, int to) {
    const int channels = j->channels_out, height = j->height, width = j->width;
    const int rows = height - ty * M < M ? height - ty * M : M, columns = width - tx * M < M ? width - tx * M : M;
    for (int k = from; k < to; k += VL) {
        vec half[M][N], y[M][M];
        const vec bias = j->bias ? load(j->bias + k) : (vec){0};
#pragma GCC unroll 6
        for (int c = 0; c < N; c++) {
            vec q[N], r[M];
#pragma GCC unroll 6
            for (int i = 0; i < N; i++) q[i] = load(p + (i * N + c) * stride + k);
            back_1d(q, r);
#pragma GCC unroll 4
            for (int i = 0; i < M; i++) half[i][c] = r[i];
        }
#pragma GCC unroll 4
        for (int i = 0; i < M; i++) {
            back_1d(half[i], y[i]);
#pragma GCC unroll 4
            for (int c = 0; c < M; c++) y[i][c] += bias;
        }
        if (y_is == RELU_POOL) {
            for (int i = 0; i + 1 < rows; i += 2)
                for (int c = 0; c + 1 < columns; c += 2) {
                    vec best = y[i][c];
                    ivec where = {0};
                    for (int s = 1; s < 4; s++) {
                        vec other = y[i + (s >> 1)][c + (s & 1)];
                        ivec more = ~(other <= best) & (best == best); /* a NaN wins and stays, so that it is seen */
                        best = (vec)(((ivec)other & more) | ((ivec)best & ~more));
                        where = (s & more) | (where & ~more);
                    }
                    ivec dead = best <= 0.f;
                    int64_t a = ((int64_t)((ty * M + i) >> 1) * (width >> 1) + ((tx * M + c) >> 1)) * channels + k;
                    store(j->y + a, keep(best, ~dead));
                    if (j->y_mark) store_mark(j->y_mark + a, where | dead);
                }
            continue;
        }
        for (int i = 0; i < rows; i++)
            for (int c = 0; c < columns; c++) {
                int64_t a = ((int64_t)(ty * M + i) * width + tx * M + c) * channels + k;
                if (y_is == RELU) {
                    ivec live = ~(y[i][c] <= 0.f);
                    y[i][c] = keep(y[i][c], live);
                    if (j->y_mark) store_mark(j->y_mark + a, live);
                }
                store(j->y + a, y[i][c]);
            }
    }
}

/* p[rows][NR] = v[rows][depth] . u[depth][NR], added to p unless it is the first part of the depth; meanwhile the panel `ahead` comes into
   the second cache, unless it is NULL. */
INLINE void product(const int rows, const float *v, int64_t v_row, const float *u, const float *ahead, float *p, int64_t p_row,
                    int depth, int first) {
    vec sum[MR][2];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        sum[i][0] = first ? (vec){0} : load(p + i * p_row);
        sum[i][1] = first ? (vec){0} : load(p + i * p_row + VL);
    }
    add_products(sum, rows, v, v_row, 1, u, NR, depth, ahead);
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        store(p + i * p_row, sum[i][0]);
        store(p + i * p_row + VL, sum[i][1]);
    }
}

/* P[rows][out] = V[rows][in] . U in the columns from .. to - 1, rows a multiple of STEP; a panel of U, DEPTH deep, stays in the first
   cache for all rows. */
static __attribute__((noinline)) void products(const float *v, const float *u, float *p, int rows, int in, int out, int from, int to) {
    for (int c = 0; c < in; c += DEPTH) {
        const int depth = in - c < DEPTH ? in - c : DEPTH;
        for (int k = from; k < to; k += NR) {
            const float *panel = u + (int64_t)k * in + (int64_t)c * NR;
            /* The panel after it: the next columns, the next part of the depth, or the next frequency. */
            const float *ahead = k + NR < to ? panel + (int64_t)in * NR
                               : c + DEPTH < in ? u + (int64_t)from * in + (int64_t)(c + DEPTH) * NR
                                                : u + (int64_t)in * out + (int64_t)from * in;
            /* Once the panel is in the first cache, memory is free to bring the next one.  Where there are no two full sets of rows, as in
               deep layers of small pictures, bringing panels is what takes the time. */
            const int bring = rows < 2 * MR ? 0 : MR;
            for (int i = 0; i < rows; i += MR) {
                const float *left = v + (int64_t)i * in + c, *next = i == bring ? ahead : NULL;
                float *sums = p + (int64_t)i * out + k;
                if (rows - i >= MR && next) product(MR, left, in, panel, next, sums, out, depth, c == 0);
                else if (rows - i >= MR) product(MR, left, in, panel, NULL, sums, out, depth, c == 0);
                else if (rows - i > STEP) product(2 * STEP, left, in, panel, next, sums, out, depth, c == 0);
                else product(STEP, left, in, panel, next, sums, out, depth, c == 0);
            }
        }
    }
}

/* Takes items of the job until none is left.  scratch: 36 (block (channels_in + channels_out) + 32) floats, one such for each thread. */
void winograd_run(job *j, float *scratch) {
    const int in = j->channels_in, out = j->channels_out, block = j->block;
    const int across = (j->width + M - 1) / M, start = j->first_row / M * across, tiles = (j->last_row + M - 1) / M * across;
    const int64_t v_stride = (int64_t)block * in + 16, p_stride = (int64_t)block * out + 16; /* + a line: no two frequencies in one cache set */
    float *v = scratch, *p = scratch + FREQUENCIES * v_stride;
    for (;;) {
        const int item = atomic_fetch_add(&j->next, 1), part = item % j->parts;
        const int first = start + item / j->parts * block;
        if (first >= tiles) return;
        const int from = out / NR * part / j->parts * NR, to = out / NR * (part + 1) / j->parts * NR;
        const int count = tiles - first < block ? tiles - first : block;
        for (int t = 0; t < count; t++) {
            const int ty = (first + t) / across, tx = (first + t) % across;
            float *here = v + (int64_t)t * in;
            if (j->x_is == PLAIN) tile_in(j, PLAIN, ty, tx, here, v_stride);
            else if (j->x_is == RELU) tile_in(j, RELU, ty, tx, here, v_stride);
            else tile_in(j, RELU_POOL, ty, tx, here, v_stride);
        }
        for (int f = 0; f < FREQUENCIES; f++)
            products(v + f * v_stride, j->u + (int64_t)f * in * out, p + f * p_stride, (count + STEP - 1) / STEP * STEP, in, out,
                     from, to);
        for (int t = 0; t < count; t++) {
            const int ty = (first + t) / across, tx = (first + t) % across;
            const float *here = p + (int64_t)t * out;
            if (j->y_is == PLAIN) tile_out(j, PLAIN, ty, tx, here, p_stride, from, to);
            else if (j->y_is == RELU) tile_out(j, RELU, ty, tx, here, p_stride, from, to);
            else tile_out(j, RELU_POOL, ty, tx, here, p_stride, from, to);
        }
    }
}

/* Kernels g[out][in][3][3] -> u[frequency][out/NR][in][NR]; only the output channels first .. last - 1, so that threads can share.
   transposed: the kernels of the gradient, turned by 180 degrees, in and out exchanged (g is [in][out][3][3] then). */
void winograd_pack(const float *g, float *u, int in, int out, int transposed, int first, int last) {
    for (int k = first; k < last; k += VL)
        for (int c = 0; c < in; c++) {
            vec kernel[3][3], half[3][N], column[3], r[N];
            for (int l = 0; l < VL; l++) {
                const float *from = g + 9 * (transposed ? (int64_t)c * out + k + l : (int64_t)(k + l) * in + c);
                for (int i = 0; i < 9; i++) kernel[i / 3][i % 3][l] = from[transposed ? 8 - i : i];
            }
            for (int i = 0; i < 3; i++) kernel_1d(kernel[i], half[i]);
            float *to = u + ((int64_t)(k / NR) * in + c) * NR + k % NR;
            for (int q = 0; q < N; q++) {
                for (int i = 0; i < 3; i++) column[i] = half[i][q];
                kernel_1d(column, r);
                for (int i = 0; i < N; i++) store(to + (int64_t)(i * N + q) * in * out, r[i]);
            }
        }
}
