/* SPDX-License-Identifier: MIT */
/*
 * What a bound on the error of REALTIME rests on, and the leap state: the words that the page and
 * the library's answers share.  Values are ABI: they are added to, never changed.
 */
#ifndef VDSOTIME_QUALITY_H
#define VDSOTIME_QUALITY_H

/*
 * A bound is a claim of whoever disciplines the kernel's clock; it is handed on with its origin and
 * never made up.
 */
enum vdsotime_quality {
	VDSOTIME_QUALITY_NONE = 0, /* not known */
	VDSOTIME_QUALITY_UNSYNCHRONISED = 1, /* the kernel says that nobody disciplines the clock */
	VDSOTIME_QUALITY_UNQUANTIFIED = 2, /* disciplined by a daemon that tells no error */
	VDSOTIME_QUALITY_CLAIMED = 3 /* within the maximum error that its daemon claims */
};

/* The leap state of the kernel's clock. */
enum vdsotime_leap {
	VDSOTIME_LEAP_NONE = 0,
	VDSOTIME_LEAP_INSERT = 1, /* this UTC day ends with 23:59:60 */
	VDSOTIME_LEAP_DELETE = 2, /* this UTC day ends with 23:59:58 */
	VDSOTIME_LEAP_UNKNOWN = 3 /* unsynchronised, or not to be known */
};

#endif
