/* SPDX-License-Identifier: MIT */
/* What status and show make of the daemon's answer, whole, partial or strange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/ctl/verbs.h"
#include "tests/unit/varlink-peer.h"

#define WHOLE \
	"{\"parameters\":{" \
	"\"daemon\":{\"version\":\"0.1.0\",\"processId\":812,\"runtimeDirectory\":\"/run/x\"," \
	"\"uptimeNSec\":11520000000000,\"configurationFiles\":[\"/etc/a\",\"/etc/b\"]}," \
	"\"vdso\":{\"usable\":true,\"soname\":\"linux-vdso.so.1\",\"functions\":[" \
	"{\"name\":\"clock_gettime\",\"symbol\":\"__vdso_clock_gettime\",\"version\":\"LINUX_2.6\"}," \
	"{\"name\":\"getcpu\",\"symbol\":null,\"version\":null}]}," \
	"\"clocksource\":{\"current\":\"tsc\",\"available\":[\"tsc\",\"hpet\"]," \
	"\"avoidsSystemCall\":true,\"vdsoCostNSec\":22,\"systemCallCostNSec\":230}," \
	"\"counter\":{\"name\":\"tsc\",\"usable\":true,\"reason\":\"the kernel's clocksource\"," \
	"\"frequencyHz\":2445406000,\"rateExact\":true,\"comparedCpus\":8," \
	"\"comparedPinned\":false,\"comparedWorstTicks\":0,\"vmclock\":\"absent\"}," \
	"\"page\":{\"on\":true,\"restored\":true,\"kept\":true,\"sizeBytes\":8192," \
	"\"generation\":118204,\"epoch\":18446744069414584322,\"ageNSec\":3100000,\"periodNSec\":100000000," \
	"\"windowNSec\":400000000}," \
	"\"tracking\":{\"residualNSec\":-3,\"residualRmsPSec\":2345,\"residualMaximumNSec\":9," \
	"\"boundNSec\":40,\"samples\":7,\"latePublications\":0}," \
	"\"synchronisation\":{\"state\":\"claimed\",\"origin\":\"told by its daemon\"," \
	"\"errorNSec\":1999999,\"frequencyPpb\":-1500,\"taiOffsetSec\":37,\"leap\":\"insert\"}," \
	"\"clients\":{\"stampPeers\":14,\"varlinkPeers\":2,\"subscriptions\":0,\"users\":3," \
	"\"acceptedTotal\":99,\"peersMaximum\":8192,\"peersPerUserMaximum\":1024}}}"

struct run {
	int status;
	char *out, *err;
	size_t out_bytes, err_bytes;
};

/* Run a verb against a peer that answers so; NULL: nobody is there. */
static void run_verb(struct run *run, ctl_verb_fn *verb, struct ctl *ctl, const char *reply)
{
	struct peer p = { 0 };

	memset(run, 0, sizeof(*run));
	if (reply)
		peer_start(&p, reply, strlen(reply) + 1, 64);
	ctl->runtime_dir = reply ? p.dir : "/nonexistent";
	ctl->out = open_memstream(&run->out, &run->out_bytes);
	ctl->err = open_memstream(&run->err, &run->err_bytes);
	run->status = verb(ctl, 0, NULL);
	fclose(ctl->out);
	fclose(ctl->err);
	if (reply)
		peer_stop(&p);
}

static void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void test_a_whole_answer_is_told_in_words_and_units(void **state)
{
	static const char *const lines[] = {
		"vdsotimed 0.1.0: serving, but this process does not read its page "
		"(/run/x, pid 812, up 3h 12min)\n",
		"         vDSO: linux-vdso.so.1, version LINUX_2.6, 1 of 2 functions: clock_gettime, "
		"getcpu (not there: system call)\n",
		"  Clocksource: tsc (available: tsc hpet); vDSO reads avoid the system call: 22 ns against "
		"230 ns\n",
		"      Counter: tsc at 2.445 GHz (the kernel's own rate, exact), used: "
		"the kernel's clocksource; 8 CPUs compared, not pinned\n",
		"      VMClock: absent\n",
		"         Page: on, generation 118204, epoch 2, age 3.10 ms, renewed every 100 ms, "
		"good for 400 ms, continued from an earlier life, kept over restarts\n",
		"    Path here: ",
		"     Tracking: last -3 ns from the kernel's clock, rms 2.3 ns, max 9 ns; never more than 40 ns\n",
		"         Sync: claimed: REALTIME within 2.00 ms of UTC (told by its daemon)\n",
		"               TAI-UTC 37 s, a leap second ends this UTC day, "
		"frequency adjusted by -1.500 ppm\n",
		"      Clients: 14 stamp, 2 varlink",
	};
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_status, &ctl, WHOLE);
	/* The peer has no stamp socket, so this process reads no page. */
	assert_int_equal(run.status, CTL_DEGRADED);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_has(run.out, lines[i]);
	assert_string_equal(run.err, "");
	run_free(&run);
}

static void test_json_is_the_daemons_answer_and_the_reader(void **state)
{
	struct ctl ctl = { .json = CTL_JSON_SHORT };
	const char *path;
	struct value *v;
	struct run run;

	(void)state;
	run_verb(&run, verb_status, &ctl, WHOLE);
	assert_int_equal(value_parse(run.out, run.out_bytes, &v, NULL), 0);
	assert_string_equal(value_get_string(value_get(v, "daemon"), "version"), "0.1.0");
	path = value_get_string(value_get(v, "reader"), "path");
	assert_non_null(path);
	assert_string_not_equal(path, "page");
	value_free(v);
	run_free(&run);
}

static void test_what_is_not_told_is_left_out(void **state)
{
	static const char *const replies[] = {
		"{\"parameters\":{}}",
		"{\"parameters\":{\"daemon\":{},\"vdso\":{},\"clocksource\":{},\"counter\":{},\"page\":{},"
		"\"tracking\":{},\"synchronisation\":{},\"clients\":{}}}",
		"{\"parameters\":{\"daemon\":[],\"vdso\":1,\"clocksource\":\"x\",\"counter\":null,"
		"\"page\":true,\"tracking\":[1],\"synchronisation\":2,\"clients\":\"\"}}",
		"{\"parameters\":{\"daemon\":{\"version\":1},\"vdso\":{\"usable\":true,\"functions\":[1,{},"
		"null]},\"clocksource\":{\"available\":[1,null]},\"page\":{\"on\":\"yes\"}}}",
	};
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		run_verb(&run, verb_status, &ctl, replies[i]);
		assert_int_equal(run.status, CTL_DEGRADED);
		assert_has(run.out, "vdsotimed");
		assert_has(run.out, "Path here: ");
		assert_null(strstr(run.out, "Page: "));
		assert_null(strstr(run.out, "Clients: "));
		run_free(&run);
	}
}

static void test_trouble_is_told_plainly(void **state)
{
	static const char reply[] =
		"{\"parameters\":{\"daemon\":{\"version\":\"0.1.0\"},\"vdso\":{\"usable\":false,"
		"\"functions\":[]},\"clocksource\":{\"current\":\"hpet\",\"available\":[],"
		"\"avoidsSystemCall\":false},\"counter\":{\"name\":\"tsc\",\"usable\":false,"
		"\"reason\":\"not a clocksource\"},\"page\":{\"on\":false,\"kept\":false,\"windowNSec\":null},"
		"\"tracking\":{\"boundNSec\":null},\"synchronisation\":{\"state\":\"unsynchronised\","
		"\"origin\":\"nobody\",\"errorNSec\":null,\"leap\":\"unknown\"}}}";
	static const char *const lines[] = {
		"vDSO: none: every read",
		"Clocksource: hpet; vDSO reads FALL INTO the system call\n",
		"Counter: tsc, NOT used: not a clocksource\n",
		"Page: OFF, not kept over restarts\n",
		"Tracking: none while the page is off\n",
		"Sync: unsynchronised: no bound on REALTIME against UTC (nobody)\n",
		"TAI-UTC not set",
	};
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_status, &ctl, reply);
	assert_int_equal(run.status, CTL_DEGRADED);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_has(run.out, lines[i]);
	run_free(&run);
}

static void test_without_a_daemon_the_rest_is_told(void **state)
{
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_status, &ctl, NULL);
	assert_int_equal(run.status, CTL_NOT_RUNNING);
	assert_has(run.out, "vdsotimed: not running (/nonexistent/org.vdsotime.Time)\n");
	assert_has(run.out, "vDSO: ");
	assert_has(run.out, "Clocksource: ");
	assert_has(run.out, "Sync: ");
	assert_has(run.out, "Path here: ");
	assert_string_equal(run.err, "");
	run_free(&run);
}

static void test_a_daemon_that_answers_nonsense_is_no_answer(void **state)
{
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_status, &ctl, "nonsense");
	assert_int_equal(run.status, CTL_FAILURE);
	assert_has(run.out, "vdsotimed: no answer");
	assert_has(run.out, "vDSO: ");
	assert_has(run.err, "does not speak Varlink");
	run_free(&run);
}

static void test_show_flattens_the_answer(void **state)
{
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_show, &ctl, WHOLE);
	assert_has(run.out, "daemon.version=0.1.0\n");
	assert_has(run.out, "daemon.configurationFiles.1=/etc/b\n");
	assert_has(run.out, "vdso.functions.1.symbol=\n");
	assert_has(run.out, "page.on=yes\n");
	assert_has(run.out, "tracking.residualNSec=-3\n");
	run_free(&run);
}

static void test_show_has_a_line_for_what_is_not_known(void **state)
{
	struct ctl ctl = { .legend = true };
	struct run run;

	(void)state;
	run_verb(&run, verb_show, &ctl, WHOLE);
	assert_has(run.out, "synchronisation.maximumErrorNSec=\n");
	assert_has(run.out, "reader.errorNSec=\n");
	run_free(&run);
	run_verb(&run, verb_show, &ctl, NULL);
	assert_int_equal(run.status, CTL_NOT_RUNNING);
	assert_has(run.out, "daemon.version=\n");
	assert_has(run.out, "page.on=\n");
	run_free(&run);
}

static void test_show_gives_the_properties_asked_for_in_that_order(void **state)
{
	struct ctl ctl = {
		.n_given = 5,
		.given = { { "property", "page.generation" }, { "property", "clocksource.current" },
			{ "property", "synchronisation.maximumErrorNSec" },
			{ "property", "vdso.functions.7.symbol" }, { "value", NULL } },
	};
	struct run run;

	(void)state;
	run_verb(&run, verb_show, &ctl, WHOLE);
	assert_string_equal(run.out, "118204\ntsc\n\n\n");
	assert_int_equal(run.status, CTL_DEGRADED);
	run_free(&run);
	ctl.n_given = 3;
	run_verb(&run, verb_show, &ctl, WHOLE);
	assert_string_equal(run.out, "page.generation=118204\nclocksource.current=tsc\n"
				     "synchronisation.maximumErrorNSec=\n");
	run_free(&run);
	ctl.json = CTL_JSON_SHORT;
	run_verb(&run, verb_show, &ctl, WHOLE);
	assert_string_equal(run.out, "{\"page.generation\":118204,\"clocksource.current\":\"tsc\","
				     "\"synchronisation.maximumErrorNSec\":null}\n");
	run_free(&run);
	ctl.json = CTL_JSON_OFF;
	run_verb(&run, verb_show, &ctl, NULL);
	assert_int_equal(run.status, CTL_NOT_RUNNING);
	assert_has(run.out, "page.generation=\n");
	run_free(&run);
}

static void test_show_prints_nothing_when_a_name_is_no_propertys(void **state)
{
	static const char *const wrong[] = {
		"page.nothing",
		"page",
		"",
		".",
		"page.on.",
		"page.on.more",
		"vdso.functions.0",
		"vdso.functions.x.symbol",
		"clocksource.available.",
	};
	struct ctl ctl = { .n_given = 2, .given = { { "property", "page.on" } } };
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ctl.given[1] = (struct ctl_given){ "property", wrong[i] };
		run_verb(&run, verb_show, &ctl, WHOLE);
		assert_int_equal(run.status, CTL_FAILURE);
		assert_string_equal(run.out, "");
		assert_has(run.err, wrong[i]);
		assert_null(strstr(run.err, "page.on:"));
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_answer_is_told_in_words_and_units),
		cmocka_unit_test(test_json_is_the_daemons_answer_and_the_reader),
		cmocka_unit_test(test_what_is_not_told_is_left_out),
		cmocka_unit_test(test_trouble_is_told_plainly),
		cmocka_unit_test(test_without_a_daemon_the_rest_is_told),
		cmocka_unit_test(test_a_daemon_that_answers_nonsense_is_no_answer),
		cmocka_unit_test(test_show_flattens_the_answer),
		cmocka_unit_test(test_show_has_a_line_for_what_is_not_known),
		cmocka_unit_test(test_show_gives_the_properties_asked_for_in_that_order),
		cmocka_unit_test(test_show_prints_nothing_when_a_name_is_no_propertys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
