#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The resolver where a vDSO is taken away, hidden or moved in time: under Valgrind, without /proc/self/auxv, in a
# program with file capabilities, in a time namespace.  (vdso=0 is an auxiliary vector without the entry: see
# test-vdso-ladder.c.)  places.sh WHERE
set -u

where=$1
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
failed=0

# expect PLACE PATTERN COMMAND...: its line is like that, and its clocks are right.
expect() {
	place=$1 pattern=$2
	shift 2
	line=$("$@" 2>"$dir/err")
	status=$?
	# shellcheck disable=SC2254
	case $line in
	$pattern) [ "$status" -eq 0 ] && echo "ok: $place: $line" && return ;;
	esac
	echo "not ok: $place: \"$line\", left with $status, not $pattern"
	cat "$dir/err"
	failed=1
}

skip() {
	echo "skipped: $1: $2"
}

# Here, by each rung.
here=$("$where")
case $here in
AT_SYSINFO_EHDR,*) ;;
*) skip "everything" "this process has no vDSO: $here" && exit 77 ;;
esac
expect 'here' 'AT_SYSINFO_EHDR, no error, clocks right' "$where"
expect 'here, by /proc' '/proc/self/auxv, no error, clocks right' "$where" proc
prctl=yes
case $("$where" prctl) in
prctl*) expect 'here, by prctl' 'prctl(PR_GET_AUXV), no error, clocks right' "$where" prctl ;;
*) prctl=no && skip 'prctl' 'this kernel has no PR_GET_AUXV' ;;
esac

# Valgrind takes the entry out and the image away; the kernel goes on naming it.
if ! command -v valgrind >/dev/null; then
	skip 'Valgrind' 'not installed'
elif ! valgrind --quiet --tool=none /bin/true 2>/dev/null; then
	skip 'Valgrind' 'does not run here'
else
	# Without debugging information, some of which Valgrind cannot read and stops at.
	strip -o "$dir/stripped" "$where" || cp "$where" "$dir/stripped"
	none='none, the auxiliary vector names no vDSO, clocks right'
	expect 'Valgrind' "$none" valgrind --quiet --tool=none "$dir/stripped"
	expect 'Valgrind, by /proc' "$none" valgrind --quiet --tool=none "$dir/stripped" proc
	[ "$prctl" = no ] || expect 'Valgrind, by prctl' 'none, no *, clocks right' \
		valgrind --quiet --tool=none "$dir/stripped" prctl
fi

# A process that may not read its own /proc, which programs with file capabilities are on some kernels.
nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
cp "$where" "$dir/where"
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
	skip 'no /proc' 'needs root and setpriv'
else
	expect 'no /proc' 'AT_SYSINFO_EHDR, no error, clocks right' nobody "$dir/where" auxval undumpable
	expect 'no /proc, by /proc' 'none, no auxiliary vector, clocks right' \
		nobody "$dir/where" proc undumpable
	[ "$prctl" = no ] || expect 'no /proc, by prctl' 'prctl(PR_GET_AUXV), no error, clocks right' \
		nobody "$dir/where" prctl undumpable
	if command -v setcap >/dev/null && setcap cap_net_raw+ep "$dir/where" 2>/dev/null; then
		expect 'file capabilities' 'AT_SYSINFO_EHDR, no error, clocks right' nobody "$dir/where"
		expect 'file capabilities, by /proc' '*, clocks right' nobody "$dir/where" proc
		[ "$prctl" = no ] || expect 'file capabilities, by prctl' \
			'prctl(PR_GET_AUXV), no error, clocks right' nobody "$dir/where" prctl
	else
		skip 'file capabilities' 'needs setcap and a file system that has them'
	fi
fi

# In a time namespace MONOTONIC and BOOTTIME are others, and the vDSO's too.
if unshare --time --monotonic 1000000 --boottime 1000000 --fork true 2>/dev/null; then
	expect 'time namespace' 'AT_SYSINFO_EHDR, no error, clocks right' \
		unshare --time --monotonic 1000000 --boottime 1000000 --fork "$where"
else
	skip 'time namespace' 'may not be made here'
fi

exit $failed
