#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The machine's own systemd as PID 1 of fresh namespaces, with a tree of ours laid over the machine's files.
#
#   namespace.sh boot DIR TREE      boot; DIR is an empty directory for what it needs
#   namespace.sh exec DIR CMD...    run CMD inside
#   namespace.sh stop DIR           power off; nothing is left but DIR itself
#
# Nothing of the machine is written: the root is an overlay whose upper layer is a tmpfs, /run and /tmp are
# fresh, and CAP_SYS_TIME is dropped, so that nothing inside can set the clock.  Needs root, and a kernel that
# lets it have overlay and cgroup2 mounts; boot says what failed, in DIR/console.
set -eu

self=$(readlink -f "$0")
verb=$1
dir=$2
shift 2

# Waits up to 20 s for a command to succeed.
await() {
	tries=400
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

booted() {
	[ -s "$dir/init.pid" ] && [ -S "/proc/$(cat "$dir/init.pid")/root/run/systemd/private" ]
}

gone() {
	! kill -0 "$1"
}

boot() {
	tree=$1
	setsid unshare --mount --propagation private -- "$self" outer "$dir" "$tree" \
		</dev/null >"$dir/console" 2>&1 &
	outer=$!
	tries=400
	until booted; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ] || gone "$outer" 2>/dev/null; then
			cat "$dir/console" >&2
			return 1
		fi
		sleep 0.05
	done
	"$self" exec "$dir" systemctl is-system-running --wait >"$dir/state" || true
	grep -qx running "$dir/state" || { cat "$dir/state" "$dir/console" >&2; return 1; }
}

# In a mount namespace: a cgroup of our own, then the other namespaces.
outer() {
	tree=$1
	mkdir "$dir/cgroup"
	mount -t cgroup2 none "$dir/cgroup"
	group="$dir/cgroup/vdsotimed-test-$$"
	mkdir "$group"
	echo $$ >"$group/cgroup.procs"
	echo $$ >"$dir/outer.pid"
	unshare --fork --kill-child --pid --mount --cgroup --uts --ipc --net -- \
		"$self" inner "$dir" "$tree" &
	echo $! >"$dir/unshare.pid"
	wait $! || true
	echo $$ >"$dir/cgroup/cgroup.procs"
	find "$group" -depth -type d -exec rmdir {} +
	umount "$dir/cgroup"
}

# The filesystems that systemd wants of a container (systemd.io/CONTAINER_INTERFACE).
mount_all() {
	root=$1
	mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	for name in sys sysrq-trigger; do
		[ -e "$root/proc/$name" ] || continue
		mount --bind "$root/proc/$name" "$root/proc/$name"
		mount -o remount,bind,ro "$root/proc/$name"
	done
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
	mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
	mount -t tmpfs -o mode=755,nosuid,size=4m tmpfs "$root/dev"
	for name in null zero full random urandom tty; do
		: >"$root/dev/$name"
		mount --bind "/dev/$name" "$root/dev/$name"
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	: >"$root/dev/console"
	mount -t tmpfs -o mode=755,nosuid,nodev,size=64m tmpfs "$root/run"
	mount -t tmpfs -o mode=1777,nosuid,nodev,size=64m tmpfs "$root/tmp"
}

# A machine of its own, that starts the journal and nothing else of the machine around it.
furnish() {
	root=$1
	: >"$root/etc/machine-id"
	rm -rf "$root/var/log/journal"
	echo vdsotimed-test >"$root/etc/hostname"
	units=$root/etc/systemd/system
	mkdir -p "$units"
	cat >"$units/vdsotimed-test.target" <<-'UNIT'
		[Unit]
		Requires=systemd-journald.socket
		Wants=systemd-journald.service
		After=systemd-journald.service
		AllowIsolate=yes
	UNIT
	for unit in systemd-journald-audit.socket systemd-timesyncd.service chrony.service \
		systemd-modules-load.service systemd-udevd.service systemd-hwdb-update.service \
		dev-hugepages.mount sys-fs-fuse-connections.mount; do
		ln -sfn /dev/null "$units/$unit"
	done
}

# PID 1 of the new namespaces, until it becomes systemd.
inner() {
	tree=$1
	root=$dir/root
	# /proc is still the one outside: this is our pid there.
	read -r pid _ </proc/self/stat
	mount --make-rprivate /
	mkdir "$dir/layer" "$root"
	mount -t tmpfs -o size=512m,mode=755 tmpfs "$dir/layer"
	mkdir "$dir/layer/upper" "$dir/layer/work"
	mount -t overlay -o "lowerdir=/,upperdir=$dir/layer/upper,workdir=$dir/layer/work" \
		overlay "$root"
	mount_all "$root"
	furnish "$root"
	cp -a "$tree/." "$root/"
	ldconfig -r "$root"
	ip link set lo up
	echo "$pid" >"$dir/init.pid"

	cd "$root"
	mkdir run/old
	pivot_root . run/old
	umount -l run/old
	rmdir run/old
	mount --make-rshared /
	drop=-sys_time,-sys_module,-sys_rawio,-syslog
	exec env -i container=vdsotimed-test TERM=dumb PATH=/usr/local/sbin:/usr/sbin:/usr/bin \
		setpriv --bounding-set=$drop --inh-caps=$drop /lib/systemd/systemd \
		--log-target=journal-or-kmsg --show-status=no --unit=vdsotimed-test.target
}

run_inside() {
	exec nsenter -t "$(cat "$dir/init.pid")" -a -r -w -- "$@"
}

stop() {
	if [ -s "$dir/init.pid" ]; then
		kill -s RTMIN+4 "$(cat "$dir/init.pid")" 2>/dev/null || true
	fi
	if [ -s "$dir/outer.pid" ] && ! await gone "$(cat "$dir/outer.pid")"; then
		kill -s KILL "$(cat "$dir/unshare.pid")" 2>/dev/null || true
		await gone "$(cat "$dir/outer.pid")" || true
	fi
	rm -rf --one-file-system "${dir:?}"/*
}

case $verb in
boot | outer | inner | stop) "$verb" "$@" ;;
exec) run_inside "$@" ;;
*)
	echo "namespace.sh: $verb is not understood" >&2
	exit 2
	;;
esac
