/* SPDX-License-Identifier: MIT */
/* The words for the enums of the public header. */
#include <stddef.h>

#include <vdsotime/client.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const nopage_texts[] = {
	[VDSOTIME_NOPAGE_NONE] = "the page answers",
	[VDSOTIME_NOPAGE_NO_DAEMON] = "no daemon listens",
	[VDSOTIME_NOPAGE_PERMISSION] = "the daemon's socket refuses this user",
	[VDSOTIME_NOPAGE_PEER] = "the socket's owner is neither root nor its directory's owner",
	[VDSOTIME_NOPAGE_PROTOCOL] = "the daemon does not speak this protocol",
	[VDSOTIME_NOPAGE_NO_FD] =
		"the daemon sent no descriptor, or more than this process can take",
	[VDSOTIME_NOPAGE_FILE] = "the page is no regular file of the daemon's or root's",
	[VDSOTIME_NOPAGE_SIZE] = "the page has the wrong size",
	[VDSOTIME_NOPAGE_SEALS] = "the page is not sealed against shrinking",
	[VDSOTIME_NOPAGE_MAGIC] = "what the daemon sent is no page",
	[VDSOTIME_NOPAGE_VERSION] = "the page has a layout that this library does not know",
	[VDSOTIME_NOPAGE_BOOT_ID] = "the page is of another boot",
	[VDSOTIME_NOPAGE_COUNTER] = "the page is for a counter that is not read here",
	[VDSOTIME_NOPAGE_COUNTER_TRAPS] = "this process may not read the counter (PR_SET_TSC)",
	[VDSOTIME_NOPAGE_CROSS_CHECK] = "the page disagrees with the vDSO, or with its check word",
	[VDSOTIME_NOPAGE_OFF] = "the daemon has switched the page off",
	[VDSOTIME_NOPAGE_STALE] = "the page is not being renewed",
	[VDSOTIME_NOPAGE_TIME_NAMESPACE] =
		"another time namespace: only REALTIME and TAI come from the page",
	[VDSOTIME_NOPAGE_SYSTEM] = "a system call failed while attaching",
	[VDSOTIME_NOPAGE_SLOW_COUNTER] = "the counter costs more here than the vDSO",
};

static const char *const path_names[] = {
	[VDSOTIME_PATH_PAGE] = "page",
	[VDSOTIME_PATH_VDSO] = "vdso",
	[VDSOTIME_PATH_SYSCALL] = "syscall",
};

static const char *const quality_names[] = {
	[VDSOTIME_QUALITY_NONE] = "none",
	[VDSOTIME_QUALITY_UNSYNCHRONISED] = "unsynchronised",
	[VDSOTIME_QUALITY_UNQUANTIFIED] = "unquantified",
	[VDSOTIME_QUALITY_CLAIMED] = "claimed",
};

static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

const char *vdsotime_nopage_text(uint32_t nopage)
{
	return name_of(nopage_texts, COUNT(nopage_texts), nopage);
}

const char *vdsotime_path_name(uint32_t path)
{
	return name_of(path_names, COUNT(path_names), path);
}

const char *vdsotime_quality_name(uint32_t quality)
{
	return name_of(quality_names, COUNT(quality_names), quality);
}
