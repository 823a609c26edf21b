/* Vectors as wide as the compiler's target allows: GCC's and Clang's vector types, so one source serves all processors. */
#ifndef IMPASTO_VECTOR_H
#define IMPASTO_VECTOR_H
#include <stdint.h>

/* Vector length; rows and columns of the register tile of the matrix products, so that its sums fill the registers. */
#if defined(__AVX512F__)
enum { VL = 16, MR = 12 };
#elif defined(__AVX2__)
enum { VL = 8, MR = 6 };
#else
enum { VL = 4, MR = 6 };
#endif
enum { NR = 2 * VL };
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * VL)));
typedef float loose_vec __attribute__((vector_size(4 * VL), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * VL)));

INLINE vec load(const float *p) { return (vec)*(const loose_vec *)p; }
INLINE void store(float *p, vec v) { *(loose_vec *)p = (loose_vec)v; }
INLINE vec keep(vec v, ivec where) { return (vec)((ivec)v & where); }
#endif
