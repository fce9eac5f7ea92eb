/* SPDX-License-Identifier: MIT */
/*
 * vdsotimed: wiring.  Everything is set up here in one order and taken down in the reverse one, by
 * one way out, from wherever it failed.
 *
 * The one thing a reader would get wrong: the watchdog is answered from the keeper's own timer, so
 * that it tells of both at once: the loop turns, and the page is being published.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include <vdsotime/vdso.h>

#include "daemon/args.h"
#include "daemon/chrony-link.h"
#include "daemon/config.h"
#include "daemon/journal.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/os.h"
#include "daemon/process.h"
#include "daemon/report.h"
#include "daemon/runtime.h"
#include "daemon/server.h"
#include "daemon/service.h"
#include "daemon/watch.h"

#define STOP_TIMEOUT_NS UINT64_C(500000000)

/* What the loop watches for us beside the server: the keeper's timer, its watch, the signals. */
#define OWN_WATCHERS (8 + CHRONY_WATCHERS)

/* Listeners, the page, the lock, the loop's own and the like. */
#define OWN_DESCRIPTORS 64

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

struct daemon {
	struct args args;
	struct config config;
	struct service service;
	struct runtime runtime;
	struct vdsotime_vdso vdso;
	struct os os;
	struct loop *loop;
	struct keeper *keeper;
	struct server *server;
	struct server_facts facts;
	struct watch *watch;
	struct chrony_link *chrony;
	struct loop_timer *tick;
	struct loop_signal *signals[SIGNALS];
	char status[832];
	char refusal[768]; /* of the configuration that was read last; "": it is in force */
	int64_t alive_ns; /* when the watchdog was answered last */
	bool stopping;
};

static void resolve_vdso(struct daemon *d)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));

	/* "None" is an answer, too: then the functions are system calls. */
	(void)vdsotime_vdso_resolve(&hints, &d->vdso);
	os_host_init(&d->os, &d->vdso);
}

static int64_t monotonic_ns(const struct daemon *d)
{
	int64_t now = 0;

	d->os.clock_gettime_ns(d->os.ctx, CLOCK_MONOTONIC, &now);
	return now;
}

/*
 * What `systemctl status` shows.  Most events change nothing of it, and a configuration that was
 * refused stays there until one is taken.
 */
static bool renew_status(struct daemon *d)
{
	struct keeper_status status;
	char text[sizeof(d->status)];

	if (d->refusal[0])
		return false;
	keeper_status(d->keeper, &status);
	report_format_status(&status, text, sizeof(text));
	if (strcmp(text, d->status) == 0)
		return false;
	strcpy(d->status, text);
	return true;
}

static void notify_ready(struct daemon *d)
{
	(void)renew_status(d);
	service_notify_ready(&d->service, d->status);
}

static int load_config(struct daemon *d, struct server_refused_configuration *refused)
{
	int r = config_load(&d->config, NULL, d->args.config, refused);

	if (r < 0) {
		report_refused_configuration(refused);
		return r;
	}
	log_set_level(
		d->args.has_log_level ? d->args.log_level : (enum log_level)d->config.log_level);
	return 0;
}

static void on_report(void *data, const struct chrony_report *report)
{
	struct daemon *d = data;

	keeper_take_report(d->keeper, report);
}

/* The chronyd that is configured now; what another one has said is of no use. */
static void ask_chrony(struct daemon *d)
{
	if (chrony_link_port(d->chrony) == d->config.chrony_port)
		return;
	keeper_take_report(d->keeper, NULL);
	chrony_link_ask(d->chrony, d->config.chrony_port);
}

/* Also what the server calls for Reload. */
static int reload(void *data, struct server_refused_configuration *refused)
{
	struct daemon *d = data;

	service_notify_reloading(&d->service, monotonic_ns(d));
	int r = load_config(d, refused);
	d->refusal[0] = 0;
	if (r < 0) {
		report_format_refusal(refused, d->refusal, sizeof(d->refusal));
		snprintf(d->status, sizeof(d->status),
			"Serving; configuration refused, the former stays: %s", d->refusal);
		service_notify_ready(&d->service, d->status);
		return r;
	}
	if (d->config.server.peers_max != server_limits(d->server)->peers_max)
		log_warning("MaxPeers= and ReservedPeers= are in force only after a restart");
	keeper_configure(d->keeper, &d->config.keeper);
	ask_chrony(d);
	server_configure(d->server, &d->config.server);
	log_write(LEVEL_INFO, LOG_ID_RELOADED, NULL, "The configuration was read again");
	notify_ready(d);
	return 0;
}

/* For GetConfiguration. */
static bool setting(void *data, size_t number, struct server_setting *ret)
{
	const struct daemon *d = data;
	struct config in_force = d->config;

	in_force.server = *server_limits(d->server);
	if (d->args.has_log_level)
		in_force.log_level = d->args.log_level;
	if (!config_setting(&d->config, &in_force, number, ret))
		return false;
	if (d->args.has_log_level && strcmp(ret->name, "Level") == 0)
		ret->origin = SERVER_SETTING_COMMAND_LINE;
	return true;
}

static void schedule_tick(struct daemon *d, uint64_t after_ns)
{
	loop_timer_start(d->tick, after_ns);
	service_notify_owed(&d->service);
	if (d->service.watchdog_ns == 0)
		return;
	int64_t now = monotonic_ns(d);
	if (now - d->alive_ns >= (int64_t)(d->service.watchdog_ns / 4)) {
		service_notify_alive(&d->service);
		d->alive_ns = now;
	}
}

/* Also when a clock was set. */
static void on_tick(void *data)
{
	struct daemon *d = data;

	schedule_tick(d, keeper_tick(d->keeper));
}

static void on_event(void *data, const struct event *e)
{
	struct daemon *d = data;

	report_event(e);
	if (renew_status(d))
		service_notify_status(&d->service, d->status);
	server_event(d->server);
}

static void on_stopped(void *data)
{
	struct daemon *d = data;

	loop_stop(d->loop);
}

static void on_signal(void *data, int signum)
{
	struct daemon *d = data;
	struct server_refused_configuration refused;

	if (signum == SIGHUP) {
		if (!d->stopping)
			reload(d, &refused);
		return;
	}
	if (d->stopping) {
		loop_stop(d->loop);
		return;
	}
	d->stopping = true;
	service_notify_stopping(&d->service);
	server_stop(d->server, STOP_TIMEOUT_NS, on_stopped, d);
}

static int fail(int r, const char *what, const char *where)
{
	log_error("%s %s: %s", what, where, strerror(-r));
	return r;
}

/*
 * Every peer is a descriptor, and may have one on its way to it, which the kernel holds to the same
 * limit but counts apart (peer.c).  The usual soft limit is 1024.
 */
static void raise_descriptor_limit(const struct daemon *d)
{
	uint64_t limit;

	if (process_raise_descriptor_limit(d->config.server.peers_max + OWN_DESCRIPTORS, &limit) ==
		-EMFILE)
		log_warning("MaxPeers=%" PRIu32
			    " cannot be reached: descriptors are limited to %" PRIu64,
			d->config.server.peers_max, limit);
}

static int start_keeper(struct daemon *d)
{
	int page_fd = service_take_fd(&d->service, SERVICE_FD_PAGE);

	report_vdso(&d->vdso);
	int r = keeper_new(&d->keeper, &d->config.keeper, &d->os, &d->vdso, page_fd);
	return r < 0 ? fail(r, "The page", "cannot be made") : 0;
}

/* Sockets that were passed in, and our own for the others. */
static int start_server(struct daemon *d)
{
	static const struct {
		enum service_fd passed;
		enum server_socket socket;
		const char *name;
		const char *file;
	} sockets[] = {
#define SOCKET(NAME, name, file) { SERVICE_FD_##NAME, SERVER_##NAME, name, file },
		SERVER_SOCKETS(SOCKET)
#undef SOCKET
	};

	d->facts = (struct server_facts){
		.version = VDSOTIME_VERSION,
		.runtime_dir = d->runtime.dir,
		.configuration_files = (const char *const *)d->config.files.paths,
		.configuration_refusal = d->refusal,
		.chrony = chrony_link_counts(d->chrony),
		.reload = reload,
		.setting = setting,
		.data = d,
	};
	int r = server_new(&d->server, &d->config.server, d->loop, d->keeper, &d->facts);
	if (r < 0)
		return fail(r, "The server", "cannot be made");
	for (size_t i = 0; r == 0 && i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		int fd = service_take_fd(&d->service, sockets[i].passed);
		r = fd >= 0 ? server_listen_fd(d->server, sockets[i].name, fd)
			    : server_listen(d->server, sockets[i].socket);
		if (r < 0 && fd >= 0)
			fail(r, "Socket passed in as", sockets[i].name);
		else if (r < 0)
			report_socket(d->runtime.dir, sockets[i].file, r);
	}
	return r;
}

static int start_watchers(struct daemon *d)
{
	int r = loop_timer_new(d->loop, on_tick, d, &d->tick);

	if (r == 0)
		r = watch_new(&d->watch, d->loop, on_tick, d);
	for (size_t i = 0; r == 0 && i < SIGNALS; i++)
		r = loop_signal_new(d->loop, signals[i], on_signal, d, &d->signals[i]);
	if (r < 0)
		return fail(r, "The loop", "cannot watch");
	ask_chrony(d);
	keeper_on_event(d->keeper, on_event, d);
	on_tick(d);
	return 0;
}

/* From here on a restart goes on with this page, if there is a service manager and it has room. */
static void keep_page(struct daemon *d)
{
	struct keeper_status status;

	keeper_status(d->keeper, &status);
	if (status.page_restored)
		log_write(LEVEL_INFO, LOG_ID_PAGE_RESTORED, NULL,
			"The page of an earlier life was taken over");
	if (!d->service.notified)
		return;
	int fd = keeper_page_store_fd(d->keeper);
	if (status.page_restored || service_keep_page(&d->service, fd) == 0)
		keeper_page_stored(d->keeper);
}

static int start(struct daemon *d)
{
	struct server_refused_configuration refused;

	if (journal_is_stderr() && journal_open(JOURNAL_SOCKET) == 0)
		log_set_sink(journal_sink);
	int r = load_config(d, &refused);
	if (r < 0 || d->args.check_config)
		return r;
	r = service_init(&d->service);
	if (r < 0)
		return fail(r, "Descriptors of the service manager", "cannot be taken");
	raise_descriptor_limit(d);
	r = runtime_enter(&d->runtime, d->args.runtime_dir);
	if (r < 0)
		return r;
	r = loop_new(&d->loop, server_watchers(&d->config.server) + OWN_WATCHERS);
	if (r < 0)
		return fail(r, "The loop", "cannot be made");
	r = chrony_link_new(&d->chrony, d->loop, &d->os, on_report, d);
	if (r < 0)
		return fail(r, "The link to chronyd", "cannot be made");
	r = start_keeper(d);
	if (r == 0)
		r = start_server(d);
	if (r == 0)
		r = start_watchers(d);
	return r;
}

/* Takes down whatever start() has set up, however far it got. */
static void stop(struct daemon *d)
{
	for (size_t i = 0; i < SIGNALS; i++)
		d->signals[i] = loop_signal_free(d->signals[i]);
	d->watch = watch_free(d->watch);
	d->chrony = chrony_link_free(d->chrony);
	d->tick = loop_timer_free(d->tick);
	d->server = server_free(d->server);
	d->keeper = keeper_free(d->keeper);
	d->loop = loop_free(d->loop);
	runtime_leave(&d->runtime);
	service_deinit(&d->service);
	config_deinit(&d->config);
	log_set_sink(NULL);
	journal_close();
}

int main(int argc, char **argv)
{
	struct daemon d = {
		.config = CONFIG_NULL,
		.service = SERVICE_NULL,
		.runtime = RUNTIME_NULL,
	};
	int code;

	if (args_parse(argc, argv, &d.args, &code) < 0)
		return code;
	process_open_standard_descriptors();
	process_block_signals(signals, SIGNALS);
	signal(SIGPIPE, SIG_IGN);
	resolve_vdso(&d);
	int64_t begun_ns = monotonic_ns(&d);

	int r = start(&d);
	if (r == 0 && !d.args.check_config) {
		keep_page(&d);
		report_started(d.runtime.dir, monotonic_ns(&d) - begun_ns);
		notify_ready(&d);
		loop_run(d.loop);
		log_write(LEVEL_INFO, LOG_ID_STOPPED, NULL, "vdsotimed has stopped");
	}
	stop(&d);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
