#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Branches of the resolver that its tests never take: coverage.sh SOURCE_ROOT [IMAGES].  Builds the tests for
# themselves, runs them, and prints each branch that was not taken with its line, then the sum.
set -eu

root=$(readlink -f "$1")
images=${2:+$(readlink -f "$2")}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

flags="-std=c11 -O0 -D_GNU_SOURCE -I$root -I$root/proto/include"
for source in "$root"/proto/vdso/*.c; do
	# shellcheck disable=SC2086
	gcc $flags --coverage -c "$source" -o "$(basename "$source" .c).o"
done
for test in call file image ladder pitfalls real; do
	# shellcheck disable=SC2086
	gcc $flags --coverage -DVDSO_IMAGES="\"$images\"" -DSOURCE_ROOT="\"$root\"" "$root/tests/unit/test-vdso-$test.c" \
		"$root/tests/fixtures/elf-build.c" "$root/tests/fixtures/vdso-corpus.c" \
		"$root/tests/fixtures/vdso-fixture.c" ./*.o -Wl,-u,__gcov_dump -lcmocka -o "test-$test"
	"./test-$test" >"$test.log" 2>&1 || {
		cat "$test.log"
		exit 1
	}
done
gcov -b -c ./*.gcda >/dev/null 2>&1 || gcov -b -c ./*.gcno >/dev/null
awk '
	FNR == 1 { file = FILENAME; sub(/\.gcov$/, "", file) }
	/^branch/ { all++; if ($0 ~ /never executed|taken 0/) { missed++; print file ": " where } next }
	/^(call|function)/ { next }
	{ where = $0; sub(/^[^:]*: */, "", where) }
	END { printf "%d branches, %d not taken\n", all, missed }
' arch.c.gcov call.c.gcov dynamic.c.gcov elf.h.gcov file.c.gcov image.c.gcov ladder.c.gcov probe.c.gcov \
	reason.c.gcov symbol.c.gcov syscall.c.gcov vdso.c.gcov bytes.h.gcov
