/* SPDX-License-Identifier: MIT */
/* The one source of chance of a seed: splitmix64 (Steele, Lea, Flood 2014). */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* [0, n); n not 0. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return (random_next(r) >> 32) * n >> 32;
}

/* True once in n times. */
static inline bool random_once_in(struct random *r, uint64_t n)
{
	return random_below(r, n) == 0;
}

/* [low, high) */
static inline double random_between(struct random *r, double low, double high)
{
	return low + (high - low) * (double)(random_next(r) >> 11) * 0x1p-53;
}

/* As many from 1 to 10 as from 10 to 100. */
static inline double random_log(struct random *r, double low, double high)
{
	return exp(random_between(r, log(low), log(high)));
}

/* The waiting time of something that comes once in mean. */
static inline double random_wait(struct random *r, double mean)
{
	return -mean * log(1 - random_between(r, 0, 1));
}

static inline double random_sign(struct random *r)
{
	return random_next(r) & 1 ? 1 : -1;
}

#endif
