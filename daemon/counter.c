/* SPDX-License-Identifier: MIT */
#include "daemon/counter.h"

#include <stddef.h>
#include <string.h>

#include <vdsotime/counter.h>

/* How the kernel knows each of our counters. */
struct known_counter {
	uint32_t kind;
	const char *name;
	const char *clocksource;
	uint32_t scale_hz; /* it registers them at whole kHz or Hz */
	uint64_t mask;
};

static const struct known_counter known_counters[] = {
	/* arch/x86/kernel/tsc.c: clocksource_register_khz() */
	{ VDSOTIME_COUNTER_TSC, "tsc", "tsc", 1000, UINT64_MAX },
	/* drivers/clocksource/arm_arch_timer.c: clocksource_register_hz(), 56 bits at least */
	{ VDSOTIME_COUNTER_CNTVCT, "cntvct", "arch_sys_counter", 1, (UINT64_C(1) << 56) - 1 },
	/* drivers/clocksource/timer-riscv.c: clocksource_register_hz() */
	{ VDSOTIME_COUNTER_RISCV_TIME, "time", "riscv_clocksource", 1, UINT64_MAX },
};

static const struct known_counter *find_known(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(known_counters) / sizeof(known_counters[0]); i++)
		if (known_counters[i].kind == kind)
			return &known_counters[i];
	return NULL;
}

/* Is word one of the words of list? */
static bool lists(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == length && strncmp(list, word, n) == 0)
			return true;
		list += n + strspn(list + n, " ");
	}
	return false;
}

static bool judge(enum keeper_counter_policy policy, const struct known_counter *known,
	const struct counter_facts *facts, const char **ret_reason)
{
	/* where one CPU alone took part, of several, nothing was compared */
	bool compared = facts->warp->cpus > 1 || facts->cpus_online <= 1;

	if (policy == KEEPER_COUNTER_OFF) {
		*ret_reason = "switched off by the configuration";
		return false;
	}
	if (policy == KEEPER_COUNTER_TRUST) {
		*ret_reason = "trusted by the configuration";
		return true;
	}
	if (facts->warp->worst_ticks > 0) {
		*ret_reason = "the CPUs' counters are out of step";
		return false;
	}
	if (strcmp(facts->current, known->clocksource) == 0) {
		*ret_reason = compared ? "it is the kernel's clocksource"
				       : "it is the kernel's clocksource; CPUs were not compared";
		return true;
	}
	if (lists(facts->available, known->clocksource)) {
		*ret_reason =
			compared
				? "the kernel lists it as a usable clocksource"
				: "the kernel lists it as a usable clocksource; CPUs were not compared";
		return true;
	}
	*ret_reason = *facts->available ? "the kernel does not list it as a usable clocksource"
					: "the kernel's clocksources cannot be read";
	return false;
}

void counter_choose(const struct os *os, enum keeper_counter_policy policy,
	const struct counter_facts *facts, struct counter_choice *ret)
{
	struct os_counter info = { .kind = VDSOTIME_COUNTER_NONE };
	const struct known_counter *known = NULL;

	if (os->counter_info(os->ctx, &info) == 0)
		known = find_known(info.kind);
	if (!known) {
		*ret = (struct counter_choice){
			.kind = VDSOTIME_COUNTER_NONE,
			.name = "none",
			.reason = "there is no counter that this process may read",
		};
		return;
	}
	*ret = (struct counter_choice){
		.kind = known->kind,
		.name = known->name,
		.registration = { .frequency_hz = info.frequency_hz, .mask = known->mask },
	};
	if (strcmp(facts->current, known->clocksource) == 0)
		ret->registration.scale_hz = known->scale_hz;
	ret->usable = judge(policy, known, facts, &ret->reason);
}
