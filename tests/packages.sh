# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# For ./try and ./check to read: what is missing of Debian's packages is installed.

# need_packages REQUIRED... [-- WANTED...]: required ones must be had, wanted ones only make more tests run.
need_packages() {
	required=
	wanted=
	kind=required
	for package in "$@"; do
		if [ "$package" = -- ]; then
			kind=wanted
		elif ! is_installed "$package"; then
			eval "$kind=\"\$$kind \$package\""
		fi
	done
	[ -n "$required$wanted" ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "This is no Debian or Ubuntu: please install what these packages have:" >&2
		echo "  $required$wanted" >&2
		return 0
	fi
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		echo "Missing packages, and neither root nor sudo to install them:$required$wanted" >&2
		[ -z "$required" ]
		return
	fi
	echo "Installing:$required$wanted"
	if ! apt_get update; then
		echo "The package lists could not be renewed" >&2
	fi
	# shellcheck disable=SC2086
	if [ -n "$required" ] && ! apt_get install --no-install-recommends $required; then
		echo "Could not install:$required" >&2
		return 1
	fi
	# shellcheck disable=SC2086
	if [ -n "$wanted" ] && ! apt_get install --no-install-recommends $wanted; then
		for package in $wanted; do
			apt_get install --no-install-recommends "$package" ||
				echo "Without $package: tests that need it are skipped" >&2
		done
	fi
}

is_installed() {
	command -v dpkg-query >/dev/null &&
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Silent unless it fails.
apt_get() {
	apt_log=$(mktemp)
	if $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$apt_log" 2>&1 </dev/null; then
		rm -f "$apt_log"
		return 0
	fi
	tail -n 5 "$apt_log" >&2
	rm -f "$apt_log"
	return 1
}
