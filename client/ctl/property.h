/* SPDX-License-Identifier: MIT */
/*
 * Properties: the state as gather_status() gives it, under dotted names: page.generation,
 * clocksource.available.0.
 *
 * All names there are stand in one list, so that a property that is not known now (null in the
 * interface, or the daemon does not answer) is told from one that does not exist.
 */
#ifndef VDSOTIMED_CTL_PROPERTY_H
#define VDSOTIMED_CTL_PROPERTY_H

#include "client/ctl/value.h"

/* Give state a null for each property that it lacks, but for members of arrays. */
void property_complete(struct value *state);

/*
 * The property of that name: 0, and *ret, which belongs to state and is NULL where it is not known;
 * -ENOENT when there is no such property; -EISDIR when the name is of several.
 */
int property_find(struct value *state, const char *name, struct value **ret);

#endif
