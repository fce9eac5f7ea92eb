/* SPDX-License-Identifier: MIT */
/*
 * The keeper: the daemon's time side in one noun.  It samples the kernel's clocks, disciplines the
 * page's line to them, publishes it, and watches for disturbances.  Whoever serves time asks the
 * keeper and nothing below it.
 *
 * It owns no loop and sleeps nowhere: keeper_tick() does one round, when its caller's timer says so
 * or the kernel has said that a clock was set.  Times and kernel reads come through struct os, so
 * that a test runs it in virtual time.
 *
 * The one thing a reader would get wrong: every clock read that is served comes from keeper_read(),
 * never from the loop's idea of now.
 */
#ifndef VDSOTIMED_KEEPER_H
#define VDSOTIMED_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/event.h"

struct chrony_report;
struct keeper;
struct os;

/* What the operator may set; filled by the configuration. */
struct keeper_options {
	uint64_t period_ns; /* publishing period at rest: 10 ms to 1 s; 100 ms */
	uint64_t fast_period_ns; /* while the rate moves: 1 ms to period_ns; 10 ms */
	uint64_t max_drift_ppb; /* growth of the claimed bound between the claims: 50000 */
	uint64_t max_slew_ppb; /* how far from nominal the rate may be set: 100000000 */
	uint32_t counter; /* enum keeper_counter_policy */
};

enum keeper_counter_policy { KEEPER_COUNTER_AUTO, KEEPER_COUNTER_TRUST, KEEPER_COUNTER_OFF };

enum keeper_sync {
	KEEPER_SYNC_UNKNOWN, /* adjtimex may not be read here */
	KEEPER_SYNC_UNSYNCHRONISED,
	KEEPER_SYNC_UNQUANTIFIED,
	KEEPER_SYNC_CLAIMED
};

/* All that is known of the time side, at one moment: plain values, for describe. */
struct keeper_status {
	/* the counter and the kernel's clocksource */
	const char *counter_name; /* "tsc", "cntvct", "time"; "none" */
	bool counter_usable;
	const char *counter_reason; /* why (not), a sentence */
	uint64_t counter_hz; /* 0: none */
	bool counter_exact; /* the kernel's own mult and shift for it are known */
	uint32_t warp_cpus; /* whose counters were compared, 0: could not be */
	bool warp_pinned; /* by a thread on each, else wherever the scheduler put them */
	uint64_t warp_ticks; /* by which they were apart at worst since the start */
	uint32_t vmclock; /* enum vmclock_state */
	char clocksource[32]; /* as sysfs has it; "" when it cannot be read */
	char clocksources[128]; /* those available, separated by blanks */
	bool vdso_fast; /* a vDSO clock_gettime costs clearly less than a system call */
	uint32_t vdso_cost_ns; /* measured at start */
	uint32_t syscall_cost_ns;

	/* the page */
	bool page_on; /* readers may use it */
	bool page_restored; /* taken over from an earlier life of the daemon */
	bool page_kept; /* the service manager keeps it over a restart */
	uint64_t page_size_bytes;
	uint64_t generation;
	uint64_t epoch;
	int64_t age_ns; /* since the last publication; -1: none yet */
	uint64_t period_ns; /* in force: at rest or fast */
	uint64_t window_ns; /* readers leave the page this long after a publication */

	/* how well it follows the kernel's clocks */
	bool tracking_known;
	int64_t residual_ns; /* page - kernel at the last sample */
	uint64_t residual_rms_ps; /* over the last few minutes, in ps */
	uint64_t residual_max_ns; /* largest since start or the last disturbance */
	uint64_t tracking_ns; /* published bound, now */
	uint64_t samples; /* that these are of */
	uint64_t late_publications; /* epoch bumped since the writer was held up half-way */

	/* the kernel's clock against UTC */
	uint32_t sync; /* enum keeper_sync */
	bool sync_reported; /* by chronyd itself, and not through the kernel */
	uint64_t error_ns; /* claimed bound now; UINT64_MAX: none */
	uint64_t maxerror_ns; /* the kernel's own words */
	uint64_t esterror_ns;
	int64_t frequency_ppb;
	uint32_t timex_status; /* STA_* */
	uint32_t leap; /* enum vdsotime_leap of the page */
	int32_t tai_offset_s; /* 0: not known */
};

/*
 * The time of clock id now, ordered, as stamps are served: from the page's line where it is on,
 * else from the vDSO.  *ret_counter_ticks (may be NULL): the counter of that instant, 0 when it was
 * the vDSO.  0; -EINVAL for a clock other than REALTIME, MONOTONIC, MONOTONIC_RAW, BOOTTIME, TAI.
 * Allocates nothing, costs tens of nanoseconds.
 */
int keeper_read(
	const struct keeper *k, int32_t clock_id, int64_t *ret_ns, uint64_t *ret_counter_ticks);

/* The kernel's own answer through the resolved vDSO for any clock id: 0 or -errno. */
int keeper_read_kernel(const struct keeper *k, int32_t clock_id, int64_t *ret_ns);

/* The read-only descriptor of the page, to be handed to clients; the keeper's own, do not close. */
int keeper_page_fd(const struct keeper *k);

/* All of the above state, at this moment. */
void keeper_status(const struct keeper *k, struct keeper_status *ret);

/* For GetVdso and the log: the functions as resolved at start.  The keeper's own. */
const struct vdsotime_vdso *keeper_vdso(const struct keeper *k);

/* Disturbances since start, oldest first: at most EVENT_HISTORY of them are kept. */
const struct event_log *keeper_events(const struct keeper *k);

/*
 * Set up: resolve nothing, measure costs, take one quick calibration (tens of ms at most), and
 * publish.  page_fd: an earlier life's page (read-write, consumed in every case) or -1.  vdso and
 * os are borrowed and must outlive the keeper.  0, -ENOMEM, or what memfd_create() or mmap() said.
 */
int keeper_new(struct keeper **ret, const struct keeper_options *options, const struct os *os,
	const struct vdsotime_vdso *vdso, int page_fd);
struct keeper *keeper_free(struct keeper *k);

/* New options from a reloaded configuration; in force with the next tick. */
void keeper_configure(struct keeper *k, const struct keeper_options *options);

/* One round; returns the ns until the next is due. */
uint64_t keeper_tick(struct keeper *k);

/*
 * What chronyd said of the clock; in force with the next tick, and while it is fresh.  NULL: it is
 * asked no more.
 */
void keeper_take_report(struct keeper *k, const struct chrony_report *report);

/* Called for each disturbance as it is found, after it is on the page.  One receiver. */
void keeper_on_event(struct keeper *k, void (*call)(void *data, const struct event *e), void *data);

/* The read-write descriptor of the page for the service manager's store; the keeper's own. */
int keeper_page_store_fd(const struct keeper *k);
void keeper_page_stored(struct keeper *k);

#endif
