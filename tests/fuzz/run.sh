#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh FUZZER SECONDS CORPUS: libFuzzer for so long, from a copy of a corpus: a directory, or the
# program that writes one.  An input that broke a promise is printed, and can be run again by
#   base64 -d >input && FUZZER input
set -eu

fuzzer=$1 seconds=$2 corpus=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/corpus" "$dir/found"
if [ -d "$corpus" ]; then
	cp "$corpus"/* "$dir/corpus"
else
	"$corpus" "$dir/corpus"
fi
# What is found is kept in the directory that is named first.
if "$fuzzer" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -close_fd_mask=1 \
	-artifact_prefix="$dir/" -print_final_stats=1 "$dir/found" "$dir/corpus" >"$dir/log" 2>&1; then
	grep -E 'DONE|number_of_executed_units|peak_rss' "$dir/log"
	exit 0
fi
tail -n 60 "$dir/log"
for input in "$dir"/crash-* "$dir"/leak-* "$dir"/timeout-* "$dir"/oom-*; do
	[ -e "$input" ] || continue
	echo "The input, $(basename "$input"), $(wc -c <"$input") bytes:"
	base64 "$input"
done
exit 1
