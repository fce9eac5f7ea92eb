#!/bin/sh
# SPDX-License-Identifier: MIT
#
# C text for each .varlink file named: interface_ and its name, dots as underscores.
set -eu

echo '/* Made from the .varlink files. */'
echo '#include "daemon/interfaces.h"'
for file; do
	name=$(basename "$file" .varlink | tr . _)
	printf '\nconst char interface_%s[] =\n' "$name"
	sed -e 's/[\\"]/\\&/g' -e 's/^/	"/' -e 's/$/\\n"/' "$file"
	echo '	;'
done
