/* SPDX-License-Identifier: MIT */
/* The keeper and leap seconds. */
#include <sys/timex.h>

#include "tests/unit/keeper-world.h"

/* The kernel's own doing, at the first tick of the second. */
static void leap(int64_t by_ns)
{
	f.realtime_offset_ns += by_ns;
	f.tai_offset_s -= (int32_t)(by_ns / SEC);
	f.timex.state = by_ns < 0 ? TIME_OOP : TIME_WAIT;
}

static void expect_no_line_past(int64_t realtime_ns)
{
	struct vdsotime_line l = line();
	struct vdsotime_instant i;
	uint64_t window = UINT64_C(1) << (l.meta & VDSOTIME_META_WINDOW_MASK);

	if (!line_is_on(&l))
		return;
	vdsotime_line_instant(&l, l.word[VDSOTIME_WORD_COUNTER] + window - 1, &i);
	assert_true(i.realtime_ns < realtime_ns);
}

static void pass_leap(uint32_t status, int64_t odd_ns, int64_t by_ns)
{
	f.tai_offset_s = 37;
	f.timex.status = status;
	f.timex.state = status & STA_INS ? TIME_INS : TIME_DEL;
	f.timex.maxerror_us = 1500;
	f.realtime_offset_ns = odd_ns - 90 * SEC - (int64_t)f.monotonic_ns;
	settle();
	while (fake_os_clock(&f, CLOCK_REALTIME) < odd_ns - 2 * SEC)
		tick();
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_UNQUANTIFIED);
	f.timex.maxerror_us = 900;
	heard_count = 0;
	while (fake_os_clock(&f, CLOCK_REALTIME) < odd_ns + 3 * MS) {
		tick();
		expect_no_line_past(odd_ns);
	}
	assert_false(page_is_on());
	uint64_t before = epoch();
	leap(by_ns);
	keeper_tick(k);
	expect_followed();
	assert_int_equal(amount_heard(EVENT_LEAP_SECOND), -by_ns / SEC);
	assert_false(was_heard(EVENT_CLOCK_SET));
	assert_false(was_heard(EVENT_TAI_CHANGED));
	assert_true(epoch() > before);
	/* the kernel's own step says nothing against its daemon's claim */
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_CLAIMED);
}

static void test_no_line_reaches_an_inserted_second(void **state)
{
	(void)state;
	pass_leap(STA_INS, 20000 * DAY_NS, -SEC);
}

static void test_no_line_reaches_a_deleted_second(void **state)
{
	(void)state;
	pass_leap(STA_DEL, 20000 * DAY_NS - SEC, SEC);
}

static int64_t leap_in_sample_ns;

/* After REALTIME was looked at, and before TAI is. */
static void leap_in_the_midst(struct fake_os *fake, int32_t clock_id)
{
	if (clock_id == CLOCK_BOOTTIME) {
		leap(leap_in_sample_ns);
		fake->on_read = NULL;
	}
}

static void pass_leap_in_the_midst(uint32_t status, int64_t odd_ns, int64_t by_ns)
{
	f.tai_offset_s = 37;
	f.timex.status = status;
	f.timex.state = status & STA_INS ? TIME_INS : TIME_DEL;
	f.realtime_offset_ns = odd_ns + MS - (int64_t)f.monotonic_ns;
	keeper_tick(k);
	heard_count = 0;
	leap_in_sample_ns = by_ns;
	f.on_read = leap_in_the_midst;
	uint64_t before = epoch();
	keeper_tick(k);
	keeper_tick(k);
	assert_int_equal(amount_heard(EVENT_LEAP_SECOND), -by_ns / SEC);
	assert_false(was_heard(EVENT_CLOCK_SET));
	assert_false(was_heard(EVENT_TAI_CHANGED));
	assert_true(epoch() > before);
}

static void test_leap_in_the_midst_of_a_sample_keeps_its_name(void **state)
{
	(void)state;
	pass_leap_in_the_midst(STA_INS, 20000 * DAY_NS, -SEC);
	end(NULL);
	begin(NULL);
	pass_leap_in_the_midst(STA_DEL, 20000 * DAY_NS - SEC, SEC);
}

static void test_leap_is_announced_once(void **state)
{
	(void)state;
	settle();
	f.timex.status = STA_INS;
	f.timex.state = TIME_OK;
	tick();
	assert_int_equal(amount_heard(EVENT_LEAP_ANNOUNCED), 1);
	assert_int_equal(epoch(), 0);
	heard_count = 0;
	f.timex.state = TIME_INS;
	tick();
	/* and withdrawn */
	f.timex.status = STA_PLL;
	tick();
	assert_int_equal(heard_count, 0);
	f.timex.status = STA_DEL;
	tick();
	assert_int_equal(amount_heard(EVENT_LEAP_ANNOUNCED), -1);
}

/* Somebody's doing, whatever is announced. */
static void test_second_that_is_no_leap_is_a_set_clock(void **state)
{
	(void)state;
	settle();
	f.timex.status = STA_INS;
	f.timex.state = TIME_INS;
	tick();
	heard_count = 0;
	f.realtime_offset_ns -= SEC;
	tick();
	assert_int_equal(amount_heard(EVENT_CLOCK_SET), -SEC);
	f.tai_offset_s++;
	tick();
	assert_int_equal(amount_heard(EVENT_TAI_CHANGED), SEC);
	/* and the other way round from what is due */
	f.realtime_offset_ns += SEC;
	f.tai_offset_s--;
	tick();
	assert_false(was_heard(EVENT_LEAP_SECOND));
	assert_int_equal(epoch(), 3);
}

static bool armed;

/* Until shortly before the leap. */
static void hold_up_until_the_leap(struct fake_os *fake, int32_t clock_id)
{
	int64_t now_ns = fake_os_clock(fake, CLOCK_REALTIME);

	if (clock_id != CLOCK_TAI || !armed)
		return;
	fake_os_pass(fake, (double)(DAY_NS - now_ns % DAY_NS - 5 * MS));
	armed = false;
}

static void test_no_line_reaches_a_leap_however_long_a_sample_took(void **state)
{
	(void)state;
	settle();
	f.realtime_offset_ns += DAY_NS - fake_os_clock(&f, CLOCK_REALTIME) % DAY_NS - 3 * SEC;
	f.timex.status = STA_INS;
	f.timex.state = TIME_INS;
	tick();
	while (DAY_NS - fake_os_clock(&f, CLOCK_REALTIME) % DAY_NS > 520 * MS)
		tick();
	armed = true;
	f.on_read = hold_up_until_the_leap;
	tick();
	f.on_read = NULL;
	assert_false(armed);
	expect_no_line_past(fake_os_clock(&f, CLOCK_REALTIME) / DAY_NS * DAY_NS + DAY_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_line_reaches_an_inserted_second),
		TEST(test_no_line_reaches_a_deleted_second),
		TEST(test_leap_in_the_midst_of_a_sample_keeps_its_name),
		TEST(test_leap_is_announced_once),
		TEST(test_second_that_is_no_leap_is_a_set_clock),
		TEST(test_no_line_reaches_a_leap_however_long_a_sample_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
