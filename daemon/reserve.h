/* SPDX-License-Identifier: MIT */
/*
 * Memory for a library that aborts where there is none: what malloc() refuses is taken from a block
 * that was had at the start.
 *
 * The one thing a reader would get wrong: there is one for the whole process, as such a library's
 * allocator is, and what is taken from it does not come back before it is released.  It is to last
 * for tables that grow, not for ever.
 */
#ifndef VDSOTIMED_RESERVE_H
#define VDSOTIMED_RESERVE_H

#include <stddef.h>

/* Take it.  Held already: of the size that it has.  0 or -ENOMEM. */
int reserve_hold(size_t bytes);

/* As often as it was held; no block of it may be in use after the last. */
void reserve_release(void);

/*
 * realloc(3); 0 bytes: free(3), and NULL.  old: NULL, or what this gave.  NULL otherwise only when
 * the reserve is used up, too.
 */
void *reserve_realloc(void *old, size_t bytes);

#endif
