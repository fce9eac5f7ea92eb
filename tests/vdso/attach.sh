#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A program without libc attaches to a daemon's page, and says why when it cannot: attach.sh VDSOTIMED
# SOURCE_ROOT SOURCE...
set -u

vdsotimed=$1 root=$2
shift 2

dir=$(mktemp -d)
daemon=
clean_up() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null
	wait
	rm -rf "$dir"
}
trap clean_up EXIT
failed=0

common="-std=c11 -O2 -ffreestanding -fno-builtin -fno-stack-protector -fno-pic -static -no-pie -nostdlib
	-nostartfiles -I$root -I$root/proto/include"

# build NAME COMPILER SOURCE...
build() {
	name=$1 compiler=$2
	shift 2
	command -v "$compiler" >/dev/null || return 1
	# shellcheck disable=SC2086
	"$compiler" $common "$root/examples/nolibc/clocks.c" "$@" -o "$dir/$name" || {
		echo "not ok: $name does not build"
		failed=1
		return 1
	}
}

# expect WHAT PATTERN COMMAND...: a line like that is in the output.
expect() {
	what=$1 pattern=$2
	shift 2
	if VDSOTIME_RUNTIME_DIR=$where "$@" >"$dir/said" 2>&1 && grep -q "$pattern" "$dir/said"; then
		echo "ok: $what: $(grep -m1 "$pattern" "$dir/said")"
	else
		echo "not ok: $what: no \"$pattern\""
		cat "$dir/said"
		failed=1
	fi
}

gcc=gcc
case $(uname -m) in x86_64) gcc=x86_64-linux-gnu-gcc ;; esac
build native "$gcc" "$@" || { echo 'no compiler'; exit 77; }

where=$dir/none
expect 'no daemon' '^page: none here, error 2$' "$dir/native"
where=$(printf '%0200d' 0)
expect 'a directory with a long name' '^page: none here, error 36$' "$dir/native"

where=$dir/run
mkdir "$where"
"$vdsotimed" --runtime-dir="$where" >"$dir/log" 2>&1 &
daemon=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -S "$where/stamp" ] || break
	sleep 0.2
done
sleep 0.5

case $("$dir/native" | head -n 1) in
x86-64* | aarch64* | riscv64*)
	case $(VDSOTIME_RUNTIME_DIR=$where "$dir/native") in
	*stale*) echo 'skipped: the page is off here' ;;
	*)
		expect 'attached' '^page: attached$' "$dir/native"
		expect 'read' '^  page TAI .* ns$' "$dir/native"
		if build i386 i686-linux-gnu-gcc "$@"; then
			expect 'i386, on the same page' '^  page REALTIME .* ns$' "$dir/i386"
			! command -v qemu-i386 >/dev/null ||
				expect 'a CPU without lfence' '^page: none here, error 74$' \
					qemu-i386 -cpu pentium3 "$dir/i386"
		fi
		;;
	esac
	;;
esac
# Another machine's counter is not this page's.
if command -v qemu-aarch64 >/dev/null && [ "$(uname -m)" = x86_64 ] &&
	build aarch64 aarch64-linux-gnu-gcc "$@"; then
	expect 'another counter' '^page: none here, error 74$' qemu-aarch64 "$dir/aarch64"
fi

kill -STOP "$daemon"
expect 'a daemon that does not answer' '^page: none here, error 11$' timeout 20 "$dir/native"
kill -CONT "$daemon"

kill "$daemon"
wait "$daemon"
daemon=
expect 'a daemon that has left' '^page: none here, error' "$dir/native"
exit $failed
