#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs without libc, built for each architecture that has a compiler here, and run: natively where this
# machine can, else by each qemu-user that is found (in PATH, and in $VDSOTIME_QEMU_DIR: before 8.2 it has no
# vDSO, so that two of them run both ways).  nolibc.sh SOURCE_ROOT SOURCE...
set -u

root=$1
shift

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# NAME | compiler | qemu | flags
table='
x86-64 | x86_64-linux-gnu-gcc | x86_64 |
i386 | i686-linux-gnu-gcc | i386 |
aarch64 | aarch64-linux-gnu-gcc | aarch64 |
arm | arm-linux-gnueabihf-gcc | arm | -mthumb
arm-a32 | arm-linux-gnueabihf-gcc | arm | -marm
riscv64 | riscv64-linux-gnu-gcc | riscv64 |
powerpc64le | powerpc64le-linux-gnu-gcc | ppc64le |
powerpc64 | powerpc64-linux-gnu-gcc | ppc64 |
powerpc | powerpc-linux-gnu-gcc | ppc |
s390x | s390x-linux-gnu-gcc | s390x |
mips-o32 | mipsel-linux-gnu-gcc | mipsel | -mno-abicalls
mips-n32 | mips64el-linux-gnuabi64-gcc | mipsn32el | -mabi=n32 -mno-abicalls
mips-n64 | mips64el-linux-gnuabi64-gcc | mips64el | -mno-abicalls
sparc64 | sparc64-linux-gnu-gcc | sparc64 |
loongarch64 | loongarch64-linux-gnu-gcc | loongarch64 |
'

common="-std=c11 -O2 -Wall -Wextra -Wconversion -Wsign-conversion -Werror -ffreestanding -fno-builtin
	-fno-stack-protector -fno-tree-loop-distribute-patterns -fno-pic -I$root -I$root/proto/include"

failed=0 passed=0 absent=''

# run NAME HOW COMMAND...: shows what it says, a line each
run() {
	name=$1 how=$2
	shift 2
	if timeout 60 "$@" >"$dir/said" 2>&1; then
		passed=$((passed + 1))
	else
		echo "not ok: $name $how: left with $?"
		failed=$((failed + 1))
	fi
	sed "s/^/$name, $how: /" "$dir/said"
}

while IFS='|' read -r arch compiler qemu flags; do
	[ -n "$arch" ] || continue
	arch=${arch% } compiler=$(echo $compiler) qemu=$(echo $qemu)
	if ! command -v "$compiler" >/dev/null; then
		absent="$absent $arch"
		continue
	fi
	# shellcheck disable=SC2086
	if echo '#include <asm/unistd.h>' | $compiler $flags -E - >/dev/null 2>&1 &&
		! $compiler $common $flags -c "$root/tests/nolibc/numbers.c" -o "$dir/numbers.o"; then
		echo "not ok: $arch: numbers"
		failed=$((failed + 1))
	fi
	for program in tests/nolibc/selftest examples/nolibc/clocks; do
		# shellcheck disable=SC2086
		if ! $compiler $common $flags -static -no-pie -nostdlib -nostartfiles \
			-Wl,--no-warn-rwx-segments -Wl,-z,noexecstack "$root/$program.c" "$@" \
			-o "$dir/program"; then
			echo "not ok: $arch: $program does not build"
			failed=$((failed + 1))
			continue
		fi
		case $arch-$(uname -m) in
		x86-64-x86_64 | i386-x86_64 | i386-i?86 | aarch64-aarch64 | riscv64-riscv64)
			run "$arch" "on this machine" "$dir/program"
			;;
		esac
		for where in '' ${VDSOTIME_QEMU_DIR:+"$VDSOTIME_QEMU_DIR/"}; do
			emulator=${where}qemu-$qemu
			command -v "$emulator" >/dev/null || continue
			version=$("$emulator" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
			run "$arch" "qemu $version" "$emulator" "$dir/program"
		done
	done
done <<END
$table
END

[ -z "$absent" ] || echo "no compiler for:$absent"
echo "$passed runs passed, $failed failed"
[ "$((passed + failed))" -gt 0 ] || exit 77
[ "$failed" -eq 0 ]
