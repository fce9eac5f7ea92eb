/* SPDX-License-Identifier: MIT */
/*
 * The host: the only place where the time side meets the running kernel.  Files of /sys and /proc
 * are opened for each read, but for current_clocksource, which is read in every round.
 */
#include "daemon/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/counter.h>
#include <vdsotime/vdso.h>

#include "daemon/warp.h"
#include "proto/page/boot-id.h"

#define CLOCKSOURCE_DIR "/sys/devices/system/clocksource/clocksource0/"

static uint64_t counter_read(void *ctx)
{
	(void)ctx;
	return vdsotime_counter_read_fence();
}

#if defined(__x86_64__) || defined(__i386__)

/* prctl(2), PR_SET_TSC: a process may have been forbidden to read the TSC. */
static bool counter_readable(void)
{
	int mode;

	return prctl(PR_GET_TSC, &mode) < 0 || mode == PR_TSC_ENABLE;
}

static uint64_t counter_frequency_hz(void)
{
	return 0;
}

#elif defined(__aarch64__)

static bool counter_readable(void)
{
	return true;
}

static uint64_t counter_frequency_hz(void)
{
	uint64_t value;

	__asm__ __volatile__("mrs %0, cntfrq_el0" : "=r"(value));
	return value;
}

#else

static bool counter_readable(void)
{
	return true;
}

static uint64_t counter_frequency_hz(void)
{
	return 0;
}

#endif

static int counter_info(void *ctx, struct os_counter *ret)
{
	(void)ctx;
	*ret = (struct os_counter){ .kind = VDSOTIME_COUNTER_NONE };
	if (vdsotime_counter_can(VDSOTIME_COUNTER_FENCE) && counter_readable()) {
		ret->kind = VDSOTIME_COUNTER_HERE;
		ret->frequency_hz = counter_frequency_hz();
	}
	return 0;
}

static int counter_warp(void *ctx, uint64_t duration_ns, struct os_warp *ret)
{
	(void)ctx;
	return warp_measure(duration_ns, ret);
}

static int counter_warp_start(void *ctx, uint64_t duration_ns)
{
	(void)ctx;
	return warp_start(duration_ns);
}

static int counter_warp_poll(void *ctx, struct os_warp *ret)
{
	(void)ctx;
	return warp_poll(ret);
}

static int timespec_to_ns(int r, const struct vdsotime_timespec *ts, int64_t *ret)
{
	if (r < 0)
		return r;
	*ret = ts->sec * INT64_C(1000000000) + ts->nsec;
	return 0;
}

static int clock_gettime_ns(void *ctx, int32_t clock_id, int64_t *ret)
{
	const struct vdsotime_vdso *vdso = ctx;
	struct vdsotime_timespec ts;

	return timespec_to_ns(vdsotime_vdso_clock_gettime(vdso, clock_id, &ts), &ts, ret);
}

static int clock_gettime_syscall_ns(void *ctx, int32_t clock_id, int64_t *ret)
{
	struct vdsotime_timespec ts;

	(void)ctx;
	return timespec_to_ns(vdsotime_sys_clock_gettime(clock_id, &ts), &ts, ret);
}

static int timex_read(void *ctx, struct os_timex *ret)
{
	struct timex tx = { .modes = 0 };
	int state = adjtimex(&tx);

	(void)ctx;
	if (state < 0)
		return -errno;
	*ret = (struct os_timex){
		.frequency = tx.freq,
		.tick_us = tx.tick,
		.offset_ns = (tx.status & STA_NANO) ? tx.offset : tx.offset * INT64_C(1000),
		.maxerror_us = tx.maxerror,
		.esterror_us = tx.esterror,
		.tai_offset_s = tx.tai,
		.state = state,
		.status = (uint32_t)tx.status,
	};
	return 0;
}

/* The first line of a short file, without its newline. */
static int read_line_of(int fd, char *ret, size_t size_bytes)
{
	char text[256];
	size_t length;
	ssize_t n;

	do
		n = pread(fd, text, sizeof(text) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = 0;
	length = strcspn(text, "\n");
	while (length && text[length - 1] == ' ')
		length--;
	if (length >= size_bytes)
		return -ENAMETOOLONG;
	memcpy(ret, text, length);
	ret[length] = 0;
	return 0;
}

static int read_line(const char *path, char *ret, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = read_line_of(fd, ret, size_bytes);
	close(fd);
	return r;
}

/*
 * The clocksource in force is asked for at each round: the file stays open for the life of the
 * process, as opening it is two thirds of what that costs.  sysfs makes its text anew for each
 * read from its beginning.
 */
static int read_current_clocksource(char *ret, size_t size_bytes)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(CLOCKSOURCE_DIR "current_clocksource", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : read_line_of(fd, ret, size_bytes);
}

static int clocksource_read(
	void *ctx, char *current, size_t current_bytes, char *available, size_t available_bytes)
{
	char now[256];

	(void)ctx;
	int r = read_current_clocksource(now, sizeof(now));
	if (r < 0)
		return r;
	if (strlen(now) >= current_bytes)
		return -ENAMETOOLONG;
	if (available)
		r = read_line(CLOCKSOURCE_DIR "available_clocksource", available, available_bytes);
	if (r < 0)
		return r;
	strcpy(current, now);
	return 0;
}

static int boot_id(void *ctx, uint8_t ret[static 16])
{
	char text[BOOT_ID_TEXT_BYTES];

	(void)ctx;
	int r = read_line(BOOT_ID_FILE, text, sizeof(text));
	if (r < 0)
		return r;
	return boot_id_parse(text, strlen(text), ret) ? 0 : -EBADMSG;
}

static int time_namespace(void *ctx, uint64_t *ret_dev, uint64_t *ret_ino)
{
	struct stat st;

	(void)ctx;
	if (stat("/proc/self/ns/time", &st) < 0)
		return -errno;
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}

/* Only a device: a file could be cut short under whoever has it mapped. */
static int vmclock_open(void *ctx, int *ret_fd)
{
	struct stat st;
	int fd = open("/dev/vmclock0", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	(void)ctx;
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISCHR(st.st_mode))
		r = -ENODEV;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int cpu_online_count(void *ctx, uint32_t *ret)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	(void)ctx;
	*ret = n < 1 ? 1 : (uint32_t)n;
	return 0;
}

static void sleep_ns(void *ctx, uint64_t ns)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	(void)ctx;
	nanosleep(&pause, NULL);
}

void os_host_init(struct os *os, const struct vdsotime_vdso *vdso)
{
	/* The table's ctx is writable for the sake of tests; here nothing writes through it. */
	union {
		const void *borrowed;
		void *ctx;
	} u = { .borrowed = vdso };

	*os = (struct os){
		.ctx = u.ctx,
		.counter_read = counter_read,
		.counter_info = counter_info,
		.counter_warp = counter_warp,
		.counter_warp_start = counter_warp_start,
		.counter_warp_poll = counter_warp_poll,
		.clock_gettime_ns = clock_gettime_ns,
		.clock_gettime_syscall_ns = clock_gettime_syscall_ns,
		.timex_read = timex_read,
		.clocksource_read = clocksource_read,
		.boot_id = boot_id,
		.time_namespace = time_namespace,
		.vmclock_open = vmclock_open,
		.cpu_online_count = cpu_online_count,
		.sleep_ns = sleep_ns,
	};
}
