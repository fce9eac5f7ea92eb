/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: each disturbs the machine in one way and ends with one verdict.
 */
#ifndef VDSOTIMED_TESTS_GUEST_SCENARIO_H
#define VDSOTIMED_TESTS_GUEST_SCENARIO_H

/* By the kernel's own calls: disturb-clocks.c. */
void scenario_rest(void);
void scenario_still(void);
void scenario_steps(void);
void scenario_crowd(void);
void scenario_insert(void);
void scenario_delete(void);
void scenario_frequency(void);
void scenario_tick(void);
void scenario_clocksource(void);
void scenario_era(void);

/* With the machine itself, and where nothing need be: disturb-machine.c. */
void scenario_lost(void);
void scenario_off(void);
void scenario_suspend(void);
void scenario_pause(void);
void scenario_rewind(void);
void scenario_stall(void);
void scenario_cpu(void);
void scenario_race(void);
void scenario_ratio(void);

#endif
