/* SPDX-License-Identifier: MIT */
/*
 * libvdsotime-client: the time of day, and how far it may be off, at the price of a counter read.
 *
 * A handle maps the page that vdsotimed publishes and reads it without a system call.  When there
 * is no page to trust (no daemon, a dead one, another time namespace, a counter that this CPU
 * lacks), the same calls answer from this process's own vDSO, and below that from system calls;
 * vdsotime_status() tells which it was and why.  So a call that returns 0 has always given the
 * time.
 *
 * Calls that can fail return 0 or a negative errno value; no call touches errno.  Out-parameters
 * come last, but for the handle that a call makes, which comes first, and are written only on
 * success.  A handle is immutable between vdsotime_attach() and vdsotime_detach() but for
 * vdsotime_refresh(), so every other call may be made at once from any number of threads, and from
 * signal handlers.  Nothing is allocated after vdsotime_attach(); no thread is started; nothing is
 * printed.
 *
 * What one would get wrong: times are bare nanoseconds of the clock that was asked for, so subtract
 * only times of one clock, and look at the epoch when a disturbance (a step, a suspend) in between
 * matters.
 */
#ifndef VDSOTIME_CLIENT_H
#define VDSOTIME_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* clockid_t, also in strict ISO C */
#include <time.h>

#include <vdsotime/counter.h>
#include <vdsotime/quality.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The library's struct timespec has 64-bit seconds on every machine.  Where the C library has
 * another one, too, a program that took that would hand over the wrong one and not be told.
 */
#ifdef __cplusplus
static_assert(sizeof(time_t) == 8,
	"libvdsotime-client needs 64-bit times: -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64");
#else
__extension__ _Static_assert(sizeof(time_t) == 8,
	"libvdsotime-client needs 64-bit times: -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64");
#endif

#ifndef VDSOTIME_PUBLIC
#define VDSOTIME_PUBLIC __attribute__((visibility("default")))
#endif

/* A handle: opaque, allocated by vdsotime_attach(), freed by vdsotime_detach(). */
struct vdsotime;

/* Flags of vdsotime_attach(). */
enum {
	/*
	 * No daemon, or no usable page, is no error: the handle answers from the vDSO, and
	 * vdsotime_refresh() tries again.
	 */
	VDSOTIME_FALLBACK = 1 << 0
};

/* Which path answers.  Values are ABI: they are added to, never changed. */
enum vdsotime_path {
	VDSOTIME_PATH_PAGE = 1, /* the daemon's page: one counter read */
	VDSOTIME_PATH_VDSO = 2, /* this process's own vDSO */
	VDSOTIME_PATH_SYSCALL = 3 /* system calls: there is no vDSO, or it lacks the function */
};

/* Why the page does not answer.  Values are ABI. */
enum vdsotime_nopage {
	VDSOTIME_NOPAGE_NONE = 0, /* the page answers */
	VDSOTIME_NOPAGE_NO_DAEMON = 1, /* no socket, or nobody listens on it */
	VDSOTIME_NOPAGE_PERMISSION = 2, /* the socket refuses this user */
	VDSOTIME_NOPAGE_PEER = 3, /* the listener is neither root nor the directory's owner */
	VDSOTIME_NOPAGE_PROTOCOL = 4, /* not this protocol, or closed without an answer */
	VDSOTIME_NOPAGE_NO_FD = 5, /* not one descriptor came: none, more, or none fits in here */
	VDSOTIME_NOPAGE_FILE = 6, /* not a regular file of the daemon's or root's */
	VDSOTIME_NOPAGE_SIZE = 7, /* its size is not what its header or this library says */
	VDSOTIME_NOPAGE_SEALS = 8, /* it could be shrunk under its readers */
	VDSOTIME_NOPAGE_MAGIC = 9, /* not a page, or of the other byte order */
	VDSOTIME_NOPAGE_VERSION = 10, /* a layout that this library does not know */
	VDSOTIME_NOPAGE_BOOT_ID = 11, /* published in another boot */
	VDSOTIME_NOPAGE_COUNTER = 12, /* a counter that this CPU or build does not read */
	VDSOTIME_NOPAGE_COUNTER_TRAPS = 13, /* PR_SET_TSC forbids this process the counter */
	VDSOTIME_NOPAGE_CROSS_CHECK = 14, /* it disagrees with the vDSO, or its check word */
	VDSOTIME_NOPAGE_OFF = 15, /* the daemon has switched it off (no usable counter) */
	VDSOTIME_NOPAGE_STALE = 16, /* not renewed in time: daemon dead, stopped, or suspended */
	VDSOTIME_NOPAGE_TIME_NAMESPACE =
		17, /* other time namespace: only REALTIME and TAI from it */
	VDSOTIME_NOPAGE_SYSTEM = 18, /* a system call failed while attaching */
	VDSOTIME_NOPAGE_SLOW_COUNTER = 19 /* the counter costs more than two whole vDSO calls */
};

/* Five clocks of one instant. */
struct vdsotime_snapshot {
	int64_t realtime_ns;
	int64_t monotonic_ns;
	int64_t monotonic_raw_ns;
	int64_t boottime_ns;
	int64_t tai_ns;
	uint64_t counter_ticks; /* the counter at that instant; 0 when the page did not answer */
	uint64_t epoch; /* changes with each disturbance of the clocks; 0 without the page */
	/* each clock is within this of the kernel's own; without the page: what five calls took */
	uint64_t tracking_ns;
	uint32_t path; /* enum vdsotime_path */
	uint32_t quality; /* enum vdsotime_quality */
};

/* UTC lies in [earliest_ns, latest_ns], if quality is VDSOTIME_QUALITY_CLAIMED; see below. */
struct vdsotime_interval {
	int64_t earliest_ns;
	int64_t latest_ns;
	uint32_t quality; /* enum vdsotime_quality */
	uint32_t leap; /* enum vdsotime_leap */
	uint64_t epoch;
};

/*
 * Where the page does not answer, quality is VDSOTIME_QUALITY_NONE, leap VDSOTIME_LEAP_UNKNOWN, and
 * the two bounds are UINT64_MAX.
 */
struct vdsotime_status {
	uint32_t path; /* enum vdsotime_path: what a read of REALTIME takes now */
	uint32_t reason; /* enum vdsotime_nopage: why it is not the page, or not to be trusted */
	uint32_t quality; /* enum vdsotime_quality */
	uint32_t leap; /* enum vdsotime_leap */
	uint64_t epoch; /* 0 without a page */
	uint64_t generation; /* of the parameters in use; 0 without a page */
	int64_t age_ns; /* since the page was published last; -1 without a page */
	uint64_t tracking_ns; /* bound on |page - kernel| now */
	uint64_t error_ns; /* bound on |REALTIME - UTC| now; UINT64_MAX, too: none is claimed */
	int32_t tai_offset_s; /* TAI - UTC as the kernel has it; 0: not known */
	uint32_t counter; /* enum vdsotime_counter_kind; 0 without a page */
	uint64_t counter_hz; /* 0 without a page */
	uint32_t clocks; /* bit per clockid_t: those that the page answers while it is the path */
	uint32_t reserved;
};

/*
 * Attach to a daemon.  runtime_dir: where its sockets are; NULL: $VDSOTIME_RUNTIME_DIR, and where
 * that is unset or empty, or the process runs set-user-ID, /run/vdsotimed.  flags:
 * VDSOTIME_FALLBACK or 0.  Every property of the page is checked before it is believed, and two
 * reads of it against the vDSO.
 *
 * 0 and a handle; -EINVAL on unknown flags and an empty runtime_dir; -ENOMEM; -ENAMETOOLONG on one
 * of more than 101 bytes. Without VDSOTIME_FALLBACK also, and never with it, one for each reason:
 * -ENOENT (no daemon), -EACCES (permission), -EPERM (the listener is not to be trusted), -EPROTO
 * (not of this protocol; or closed without an answer: too many connections, of this user or in
 * all, the user's memory used up, or the daemon is stopping), -EBADF (no descriptor), -EBADFD (no
 * proper file), -EFBIG (size), -ETXTBSY (seals), -EBADMSG (magic), -EPROTONOSUPPORT (version),
 * -ESTALE (boot id), -ENODEV (counter), -EOPNOTSUPP (counter forbidden, or dear), -ERANGE
 * (cross-check), -ENXIO (switched off), -ETIMEDOUT (the daemon does not answer within a second, or
 * does not renew the page), -EIO (a system call failed).  Not async-signal-safe: it allocates,
 * once.
 */
VDSOTIME_PUBLIC int vdsotime_attach(
	struct vdsotime **ret, const char *runtime_dir, unsigned int flags);

/* Free a handle and unmap its page.  Takes NULL; returns NULL, so `t = vdsotime_detach(t);`. */
VDSOTIME_PUBLIC struct vdsotime *vdsotime_detach(struct vdsotime *t);

/*
 * Attach anew where the daemon was restarted, came late, or changed its page; keeps the old page
 * when it still answers and agrees with the vDSO.  Must not run beside other calls on the same
 * handle.  0 when the page answers afterwards; otherwise as vdsotime_attach() without
 * VDSOTIME_FALLBACK, and the handle goes on answering from the vDSO.
 */
VDSOTIME_PUBLIC int vdsotime_refresh(struct vdsotime *t);

/*
 * A drop-in for clock_gettime(): the same result for every id, errors included (-EINVAL).  Ordered:
 * the counter is read after everything that came before in this thread, so that a time is never
 * earlier than one that another thread took and handed over.  The _ns reads, these and those below,
 * also give -EOVERFLOW, for a time that 64 bits of ns cannot hold.
 */
VDSOTIME_PUBLIC int vdsotime_gettime(const struct vdsotime *t, clockid_t id, struct timespec *ret);
VDSOTIME_PUBLIC int vdsotime_gettime_ns(const struct vdsotime *t, clockid_t id, int64_t *ret);

/* The same at less than half the price, without that order: for times which one thread compares. */
VDSOTIME_PUBLIC int vdsotime_gettime_relaxed(
	const struct vdsotime *t, clockid_t id, struct timespec *ret);
VDSOTIME_PUBLIC int vdsotime_gettime_ns_relaxed(
	const struct vdsotime *t, clockid_t id, int64_t *ret);

/*
 * Relaxed, but never before prev_ns (a time of the same clock): causal for whoever hands its last
 * time along with its messages, at the relaxed price.
 */
VDSOTIME_PUBLIC int vdsotime_gettime_ns_after(
	const struct vdsotime *t, clockid_t id, int64_t prev_ns, int64_t *ret);

/* Five clocks of ONE instant for the price of one ordered read. */
VDSOTIME_PUBLIC int vdsotime_snapshot(const struct vdsotime *t, struct vdsotime_snapshot *ret);

/*
 * Where UTC may be now: REALTIME, less and plus the claimed bound, its growth since it was claimed,
 * and the page's own tracking bound.  0 with a bounded interval and its quality
 * VDSOTIME_QUALITY_CLAIMED; -ENODATA where there is no bound to give (vdsotime_status() says
 * whether the clock is unsynchronised, its error unquantified, or the page absent).
 */
VDSOTIME_PUBLIC int vdsotime_interval(const struct vdsotime *t, struct vdsotime_interval *ret);

/*
 * Was time_ns (UTC as ns since 1970) surely over when the interval was taken; is it surely yet to
 * come?
 */
static inline int vdsotime_interval_after(const struct vdsotime_interval *i, int64_t time_ns)
{
	return i->earliest_ns > time_ns;
}
static inline int vdsotime_interval_before(const struct vdsotime_interval *i, int64_t time_ns)
{
	return i->latest_ns < time_ns;
}

/*
 * Sleep until time_ns (UTC) is surely over: "commit wait".  0; -ENODATA as vdsotime_interval();
 * -EINTR when a signal came first; -ETIMEDOUT when timeout (relative, NULL: none) ran out; -EINVAL
 * when it is no timespec.
 */
VDSOTIME_PUBLIC int vdsotime_wait_until_past(
	const struct vdsotime *t, int64_t time_ns, const struct timespec *timeout);

/* The bare counter: a stamp now, whose time can be told later by vdsotime_resolve(). */
static inline uint64_t vdsotime_stamp(void)
{
	return vdsotime_counter_read_relaxed();
}

/*
 * What clock id said when the stamp was taken.  For the clocks of the page only.  -ERANGE when the
 * stamp is older than the page's ring of past parameters, or lies in the future or in a gap of it;
 * -EINVAL for other ids; -ENODATA without a page, and in another time namespace than the daemon's
 * for MONOTONIC, MONOTONIC_RAW and BOOTTIME.
 */
VDSOTIME_PUBLIC int vdsotime_resolve(
	const struct vdsotime *t, uint64_t stamp_ticks, clockid_t id, int64_t *ret);

/*
 * Which path answers, the reason, and the state of the page.  It also takes a look at the page: its
 * clocks against the vDSO's, its two lines against their check words.  VDSOTIME_PATH_PAGE with the
 * reason VDSOTIME_NOPAGE_CROSS_CHECK: it answers, and is wrong, or a clock was set within the last
 * milliseconds; vdsotime_refresh() finds out which, and gives up a page that is wrong.  Of a page
 * with neither line intact nothing else is told, as without a page.
 */
VDSOTIME_PUBLIC int vdsotime_status(const struct vdsotime *t, struct vdsotime_status *ret);

/*
 * Wait until the page's epoch is another than seen (as a snapshot or status gave it).  0 when it
 * is; -ETIMEDOUT after timeout (relative; NULL: none); -EINVAL when that is no timespec; -EINTR
 * when a signal came (without a timeout, as a rule, only one whose handler was set without
 * SA_RESTART); -ENODATA without a page, and with one that has neither line intact.  A daemon that
 * dies wakes nobody: give a timeout.
 */
VDSOTIME_PUBLIC int vdsotime_wait_epoch(
	const struct vdsotime *t, uint64_t seen, const struct timespec *timeout);

/*
 * The stamp socket: the daemon's own readings, for a process that cannot map its page or may not
 * read the counter.  One connection, opaque; for one thread at a time, and not for signal handlers.
 * Nothing is allocated after vdsotime_stamps_connect().
 *
 * timeout is relative; NULL: none; zero: only look; -EINVAL when it is no timespec.  A call that
 * waits returns -ETIMEDOUT after it, and -EINTR when a signal came; the connection stays good, and
 * a reply that comes late is dropped.  It is of no more use after -ECONNRESET (the daemon closed
 * it, also since there was no room for ticks for StallTimeout=: connect anew) or -EPROTO (what came
 * is not of this protocol), which every later call returns again; vdsotime_stamps_read() hands out
 * the ticks first that it has.
 */
struct vdsotime_stamps;

/* Clocks in one request. */
#define VDSOTIME_STAMPS_MAX 256

/* Flags of a record. */
enum {
	VDSOTIME_STAMPS_PAGE =
		1 << 0, /* from the page: within its tracking bound of the kernel's */
	VDSOTIME_STAMPS_LAST = 1 << 1 /* of a tick: the subscription's count is reached */
};

struct vdsotime_stamps_record {
	int64_t time_ns; /* of the clock that was asked for */
	uint64_t counter_ticks; /* at that instant; 0 without VDSOTIME_STAMPS_PAGE */
	uint64_t lost; /* of a tick: those that were due before it and did not come */
	int32_t error; /* 0; -EINVAL: not one of the page's five clocks, and all else is 0 */
	uint32_t flags; /* VDSOTIME_STAMPS_* */
};

/*
 * Connect.  runtime_dir as for vdsotime_attach(); flags: 0.  0 and a connection; -EINVAL; -ENOMEM;
 * -ENAMETOOLONG; and as of vdsotime_attach() -ENOENT, -EACCES, -EPERM, -EPROTO (see there),
 * -EPROTONOSUPPORT, -ETIMEDOUT, -EIO.  Waits a second at most for the daemon, and another for its
 * answer.
 */
VDSOTIME_PUBLIC int vdsotime_stamps_connect(
	struct vdsotime_stamps **ret, const char *runtime_dir, unsigned int flags);

/* Close and free.  Takes NULL; returns NULL. */
VDSOTIME_PUBLIC struct vdsotime_stamps *vdsotime_stamps_close(struct vdsotime_stamps *s);

/*
 * The socket, for poll() and its kin; it stays the connection's.  Readable: call
 * vdsotime_stamps_read() with a zero timeout until it has no more.  Do so after each other call,
 * too: that may have taken ticks in.
 */
VDSOTIME_PUBLIC int vdsotime_stamps_get_fd(const struct vdsotime_stamps *s);

/*
 * One packet there, one back: a record for each of the n clocks (1 to VDSOTIME_STAMPS_MAX), in
 * their order, each read when its turn comes.  0, also when single records have an error; or
 * -errno, and then nothing was written to ret; -EINVAL when n is out of range.
 */
VDSOTIME_PUBLIC int vdsotime_stamps_request(struct vdsotime_stamps *s, const clockid_t *ids,
	size_t n, const struct timespec *timeout, struct vdsotime_stamps_record *ret);

/*
 * Have the time of a clock sent every interval_us (1000 at least), count times; 0: without end.  It
 * takes the place of the connection's earlier subscription, whose ticks are dropped.  interval_us
 * and count 0: have none.  0; -EINVAL (no such clock, or a count of nothing); -ERANGE (too short an
 * interval); -EDQUOT (this user has too many subscriptions, or has used up its memory:
 * BytesPerUser=); -errno.  After -ETIMEDOUT or -EINTR it may yet come into force;
 * vdsotime_stamps_read() tells.
 */
VDSOTIME_PUBLIC int vdsotime_stamps_subscribe(struct vdsotime_stamps *s, clockid_t id,
	uint32_t interval_us, uint32_t count, const struct timespec *timeout);

/*
 * The next tick; those that were kept come first.  0; -ENODATA when there is no subscription, or no
 * longer; -errno.
 */
VDSOTIME_PUBLIC int vdsotime_stamps_read(struct vdsotime_stamps *s, const struct timespec *timeout,
	struct vdsotime_stamps_record *ret);

/* A short English text for an enum vdsotime_nopage, vdsotime_path, vdsotime_quality; never NULL. */
VDSOTIME_PUBLIC const char *vdsotime_nopage_text(uint32_t nopage);
VDSOTIME_PUBLIC const char *vdsotime_path_name(uint32_t path);
VDSOTIME_PUBLIC const char *vdsotime_quality_name(uint32_t quality);

#ifdef __cplusplus
}
#endif

#endif
