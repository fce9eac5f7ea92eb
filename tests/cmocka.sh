#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a cmocka program, and tells skipped tests as TAP has it: cmocka 1.1 says `not ok N # SKIP`, which every
# reader of TAP, meson among them, takes for a failure.
export CMOCKA_MESSAGE_OUTPUT=TAP

# The program's status comes back on descriptor 3, beside the pipe; its output goes on, on 4.
exec 4>&1
status=$({ { "$@" 3>&- 4>&-; echo $? >&3; } | sed -u 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' >&4; } 3>&1)
exit "$status"
