#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fuzzes the resolver: fuzz.sh SECONDS SOURCE_ROOT [IMAGES].  Starts from images of every shape that the
# tests build, and from the real ones in IMAGES.  A finding is kept beside the log, and its place printed.
set -eu

seconds=$1 root=$2 images=${3:-}
command -v clang >/dev/null || { echo 'no clang'; exit 77; }

dir=$(mktemp -d)
keep=no
trap '[ $keep = yes ] || rm -rf "$dir"' EXIT
mkdir "$dir/seeds" "$dir/corpus"

flags="-std=c11 -g -O1 -D_GNU_SOURCE -I$root -I$root/proto/include -include $root/tests/fixtures/image-steps.h"
fixtures="$root/tests/fixtures/elf-build.c $root/tests/fixtures/vdso-corpus.c
	$root/tests/fixtures/vdso-fixture.c"
# shellcheck disable=SC2086
clang $flags "-DVDSO_IMAGES=\"$images\"" "$root/tests/fuzz/seeds-vdso.c" $fixtures \
	"$root/tests/fixtures/vdso-exercise.c" "$root"/proto/vdso/*.c -lcmocka -o "$dir/seeds-vdso"
# shellcheck disable=SC2086
clang $flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	"$root/tests/fuzz/fuzz-vdso.c" "$root/tests/fixtures/vdso-exercise.c" "$root"/proto/vdso/*.c \
	-o "$dir/fuzz-vdso" 2>"$dir/build.log" || {
	cat "$dir/build.log"
	grep -q 'libclang_rt.fuzzer' "$dir/build.log" && echo 'no libFuzzer' && exit 77
	exit 1
}
"$dir/seeds-vdso" "$dir/seeds"
if ! "$dir/fuzz-vdso" -max_total_time="$seconds" -max_len=65536 -timeout=5 -artifact_prefix="$dir/" \
	-print_final_stats=1 "$dir/corpus" "$dir/seeds" >"$dir/log" 2>&1; then
	keep=yes
	tail -n 60 "$dir/log"
	echo "The finding is in $dir"
	exit 1
fi
tail -n 12 "$dir/log"
