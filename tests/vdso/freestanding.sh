#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The core needs nothing: no libc, no loader, no writable memory.  Asked of what a compiler makes of it, for each
# architecture whose compiler and binutils are here.  freestanding.sh gcc|clang SOURCE_ROOT SOURCE...
set -eu

kind=$1 root=$2
shift 2

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# NAME | gcc and binutils | clang's target | how it is linked | flags
#   pic    no relocation is left in a position-independent file
#   fixed  position-independent code here has a table of addresses (GOT), which a loader fills; code at a
#          fixed address has none
table='
x86-64 | x86_64-linux-gnu | x86_64-linux-gnu | pic |
x32 | x86_64-linux-gnux32 | x86_64-linux-gnux32 | pic |
i386 | i686-linux-gnu | i686-linux-gnu | pic |
aarch64 | aarch64-linux-gnu | aarch64-linux-gnu | pic |
arm | arm-linux-gnueabihf | arm-linux-gnueabihf | pic | -mthumb
arm, not Thumb | arm-linux-gnueabihf | arm-linux-gnueabihf | pic | -marm
riscv64 | riscv64-linux-gnu | riscv64-linux-gnu | pic |
powerpc64le | powerpc64le-linux-gnu | powerpc64le-linux-gnu | pic |
powerpc64 | powerpc64-linux-gnu | powerpc64-linux-gnu | fixed |
powerpc | powerpc-linux-gnu | powerpc-linux-gnu | fixed |
s390x | s390x-linux-gnu | s390x-linux-gnu | pic |
mips-o32 | mipsel-linux-gnu | mipsel-linux-gnu | fixed | -mno-abicalls
mips-n32 | mips64el-linux-gnuabi64 | mips64el-linux-gnuabin32 | fixed | -mabi=n32 -mno-abicalls
mips-n64 | mips64el-linux-gnuabi64 | mips64el-linux-gnuabi64 | fixed | -mno-abicalls
sparc64 | sparc64-linux-gnu | sparc64-linux-gnu | fixed |
loongarch64 | loongarch64-linux-gnu | loongarch64-linux-gnu | pic |
'

common='-std=c11 -O2 -Wall -Wextra -Wconversion -Wsign-conversion -Werror
	-ffreestanding -fno-builtin -fno-stack-protector -fvisibility=hidden'

# Made by the linker itself when it is asked for them.
linker_made='_GLOBAL_OFFSET_TABLE_|_gp_disp|\.TOC\.|^ *U *$'

refuse() {
	echo "not ok: $name: $1"
	cat "$dir/said"
	return 1
}

# None of these lines may be there.
expect_none() {
	[ ! -s "$dir/said" ] || refuse "$1"
}

# Sections that can be written to and are not empty; but for tables of addresses that the linker fills
# (.toc, .got) and ELFv1's descriptors of functions (.opd).
writable_sections() {
	"$tools-readelf" -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] *//p' |
		awk '$2 == "PROGBITS" || $2 == "NOBITS" {
			for (i = 6; i <= NF; i++)
				if ($i ~ /^[A-Z]*W[A-Z]*$/ && $5 !~ /^0+$/ && $1 !~ /^\.(toc|got|opd)/)
					print
		}'
}

compile() {
	compiler=$1
	shift
	rm -f "$dir"/*.o
	count=0
	for source; do
		count=$((count + 1))
		# shellcheck disable=SC2086
		$compiler $common $flags -I"$root" -I"$root/proto/include" -c "$source" \
			-o "$dir/$count.o" >"$dir/said" 2>&1 || return 1
	done
}

# shellcheck disable=SC2086
inspect() {
	"$tools-ld" $emulation -r "$dir"/*.o -o "$dir/core.o" >"$dir/said" 2>&1 ||
		refuse "ld -r" || return 1
	"$tools-nm" -u "$dir/core.o" | grep -Ev "$linker_made" >"$dir/said" || :
	expect_none 'undefined symbols' || return 1
	writable_sections "$dir/core.o" >"$dir/said"
	expect_none 'writable data' || return 1
	"$tools-readelf" -SW "$dir/core.o" | grep -E '\.(tdata|tbss|init_array|ctors|data\.rel)' \
		>"$dir/said" || :
	expect_none 'thread-local data, constructors or data that a loader must fill' || return 1
	"$tools-ld" $emulation $link "$dir/core.o" -o "$dir/linked" >"$dir/said" 2>&1 ||
		refuse 'ld' || return 1
	"$tools-readelf" -rW "$dir/linked" | grep -E '^[0-9a-f]{8}' >"$dir/said" || :
	expect_none 'relocations that need a loader' || return 1
	echo "ok: $name: $("$tools-size" "$dir/core.o" | awk 'NR == 2 { print $1 }') bytes"
}

failed=0 passed=0 absent=''

while IFS='|' read -r arch tools target how flags; do
	[ -n "$arch" ] || continue
	arch=${arch% } tools=$(echo $tools) target=$(echo $target) how=$(echo $how)
	emulation='' pic=-fPIC link='-shared -Bsymbolic -z defs -z text'
	[ "$how" = pic ] || pic=-fno-pic link='-static -e 0'
	case $arch in
	x32) emulation='-m elf32_x86_64' ;;
	mips-n32) emulation='-m elf32ltsmipn32' ;;
	esac
	case $kind in
	gcc) compiler=$tools-gcc flags="$flags $pic -fno-tree-loop-distribute-patterns" ;;
	*) compiler="clang --target=$target" flags="$flags $pic" ;;
	esac
	name="$arch ($kind)"
	if ! command -v "${compiler%% *}" >/dev/null || ! command -v "$tools-ld" >/dev/null; then
		absent="$absent $arch"
	elif ! compile "$compiler" "$@"; then
		refuse "$source" || failed=$((failed + 1))
	elif inspect; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done <<END
$table
END

[ -z "$absent" ] || echo "no compiler for:$absent"
[ "$((passed + failed))" -gt 0 ] || exit 77
[ "$failed" -eq 0 ]
