/* The matrix products that Gram statistics are made of, on features F[position][channel]: the sum of f f' over positions, and S f at
   each position for a symmetric S.  Channels are a multiple of NR.  Every sum has a fixed order, whatever the threads. */
#include <stdatomic.h>
#include <stddef.h>

#include "tile.h"

enum { DEPTH = 256, GROUP = 4 * MR };

INLINE void put(vec sum[MR][2], const int rows, float *to, int64_t row, int add) {
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        store(to + i * row, add ? load(to + i * row) + sum[i][0] : sum[i][0]);
        store(to + i * row + VL, add ? load(to + i * row + VL) + sum[i][1] : sum[i][1]);
    }
}

typedef struct {
    const float *f; /* [positions][channels] */
    float *sums;    /* [parts][channels][channels], of which outer_run fills the blocks of NR x NR on and above the diagonal */
    float *total;   /* [channels][channels], or sums itself where there is one part */
    int64_t positions, share; /* share: of a part, a multiple of DEPTH */
    int32_t channels, parts;
    _Atomic int32_t next;
} outer_job;

/* The pair-th block on or above the diagonal, column by column. */
INLINE void block_at(int pair, int *row, int *column) {
    int k = 0;
    while ((k + 1) * (k + 2) / 2 <= pair) k++;
    *row = (pair - k * (k + 1) / 2) * NR;
    *column = k * NR;
}

/* Takes items of the job, one part's sum for one block each, until none is left. */
void outer_run(outer_job *j) {
    const int channels = j->channels, across = channels / NR, pairs = across * (across + 1) / 2;
    for (;;) {
        const int item = atomic_fetch_add(&j->next, 1), part = item % j->parts, pair = item / j->parts;
        if (pair >= pairs) return;
        int row, column;
        block_at(pair, &row, &column);
        const int64_t first = part * j->share, end = first + j->share < j->positions ? first + j->share : j->positions;
        float block[NR * NR] __attribute__((aligned(64))) = {0};
        for (int64_t q = first; q < end; q += DEPTH) {
            const int depth = end - q < DEPTH ? (int)(end - q) : DEPTH;
            const float *a = j->f + q * channels + row, *u = j->f + q * channels + column;
            vec sum[MR][2];
            int r = 0;
            for (; r + MR <= NR; r += MR) {
                set_zero(sum, MR);
                add_products(sum, MR, a + r, 1, channels, u, channels, depth, NULL);
                put(sum, MR, block + r * NR, NR, 1);
            }
            set_zero(sum, NR % MR);
            add_products(sum, NR % MR, a + r, 1, channels, u, channels, depth, NULL);
            put(sum, NR % MR, block + r * NR, NR, 1);
        }
        float *to = j->sums + ((int64_t)part * channels + row) * channels + column;
        for (int r = 0; r < NR; r++)
            for (int c = 0; c < NR; c += VL) store(to + (int64_t)r * channels + c, load(block + r * NR + c));
    }
}

/* total: the parts of sums added up, and mirrored. */
void outer_finish(const outer_job *j) {
    const int channels = j->channels, across = channels / NR;
    const int64_t whole = (int64_t)channels * channels;
    for (int pair = 0; pair < across * (across + 1) / 2; pair++) {
        int row, column;
        block_at(pair, &row, &column);
        float turned[NR * NR] __attribute__((aligned(64)));
        for (int r = 0; r < NR; r++) {
            const float *from = j->sums + (int64_t)(row + r) * channels + column;
            float line[NR] __attribute__((aligned(64)));
            for (int c = 0; c < NR; c += VL) {
                vec sum = load(from + c);
                for (int part = 1; part < j->parts; part++) sum += load(from + part * whole + c);
                store(j->total + (int64_t)(row + r) * channels + column + c, sum);
                store(line + c, sum);
            }
            for (int c = 0; c < NR; c++) turned[c * NR + r] = line[c];
        }
        for (int r = 0; r < NR && row < column; r++)
            for (int c = 0; c < NR; c += VL) store(j->total + (int64_t)(column + r) * channels + row + c, load(turned + r * NR + c));
    }
}

typedef struct {
    const float *f; /* [positions][channels] */
    const float *s; /* [channels][channels] */
    float *y;       /* [positions][channels] */
    int64_t positions;
    int32_t channels, add; /* add: to what y holds, or in its place */
    _Atomic int32_t next;
} each_job;

INLINE void rows_of(const each_job *j, const int rows, int64_t q, int c, int k, int depth) {
    const int channels = j->channels;
    vec sum[MR][2];
    set_zero(sum, rows);
    add_products(sum, rows, j->f + q * channels + c, channels, 1, j->s + (int64_t)c * channels + k, channels, depth, NULL);
    put(sum, rows, j->y + q * channels + k, channels, j->add || c > 0);
}

/* Takes groups of positions until none is left. */
void each_run(each_job *j) {
    for (;;) {
        const int64_t first = (int64_t)atomic_fetch_add(&j->next, 1) * GROUP;
        if (first >= j->positions) return;
        const int64_t end = first + GROUP < j->positions ? first + GROUP : j->positions;
        for (int c = 0; c < j->channels; c += DEPTH) {
            const int depth = j->channels - c < DEPTH ? j->channels - c : DEPTH;
            for (int k = 0; k < j->channels; k += NR) {
                int64_t q = first;
                for (; q + MR <= end; q += MR) rows_of(j, MR, q, c, k, depth);
                for (; q < end; q++) rows_of(j, 1, q, c, k, depth);
            }
        }
    }
}
