#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The simulation bites: each of these faults, put into the time side on purpose, must fail it.

One fault at a time goes into a copy of the sources; what is built of them runs seeds until one fails.
Arguments: how many of the faults, the root of the tree, the C compiler, the sources of the simulation."""
import os
import shutil
import subprocess
import sys
import tempfile

SEEDS = 200

# name, file, what is there, what is put in its place
FAULTS = [
    ('rates that change unseen are not in the bound', 'daemon/discipline.c',
     'return far / fmin(rate, 1) + d->rate.uncertainty;', 'return 0 * far + d->rate.uncertainty;'),
    ('lines start where the model is, not where readers are', 'daemon/discipline.c',
     'if (!o->old)', 'if (o->now_ticks)'),
    ('a disturbance leaves the epoch alone', 'daemon/keeper-publish.c',
     '(k->disturbed ? 1 : 0)', '0'),
    ('a flatter line begins before the old one is out of use', 'daemon/discipline.c',
     'if (aim.mult < o->old->word[t->mult])', 'if (!o->old)'),
    ('a late publication is not noticed', 'daemon/keeper-publish.c',
     'if (goes_back(&order, &k->writer.line, now)) {', 'if (0) {'),
    ('a claim of 0 is a claim', 'daemon/sync.c',
     's->has_claim = !s->claim_is_zero;', 's->has_claim = true;'),
    ('claims do not grow', 'daemon/sync.c',
     'return claim_ns +\n\t       drift_ns(', 'return claim_ns +\n\t       0 * drift_ns('),
    ('a set clock is not noticed', 'daemon/keeper-look.c',
     'if (step != 0 || tai_change != 0)\n\t\tk->disturbed = true;', ''),
    ('a jump of the counter is not noticed', 'daemon/discipline.c',
     'return ticks <= 0 ||', 'return 0 &&'),
    ('what the VMClock tells is not noticed', 'daemon/keeper.c',
     'k->moved = moved;', '(void)moved;'),
    ('a counter that parts from the clocks leaves the claim', 'daemon/keeper-look.c',
     'k->parted = true;\n\tsync_forget(&k->sync);', 'k->parted = true;'),
    ('a claim found with a clock that was set is believed', 'daemon/sync.c',
     'if (was_set)\n\t\ts->has_claim = false;', '(void)was_set;'),
    ('after a restart a claim of before is believed', 'daemon/keeper-look.c',
     'keeper_forget_claim(k);\n\treturn 0;', 'return 0;'),
    ('a move keeps the rate of the host before', 'daemon/keeper-look.c',
     'if (k->counter.registration.scale_hz == 0)', 'if (0)'),
    ('there never is a page', 'daemon/discipline.c',
     'return d->monotonic.known &&', 'return 0 &&'),
]


def build(root, cc, sources, into):
    command = [cc, '-std=c11', '-O1', '-w', '-D_GNU_SOURCE', '-DVDSOTIME_VERSION="0"',
               '-I' + root, '-I' + root + '/proto/include', '-I' + root + '/client/include',
               '-include', root + '/tests/sim/virtual.h', '-o', into]
    subprocess.run(command + [os.path.join(root, s) for s in sources] + ['-lm'], check=True)


def bites(root, cc, sources, fault):
    _, path, there, instead = fault
    with tempfile.TemporaryDirectory(prefix='vdsotimed-bites-') as copy:
        for room in ('daemon', 'client', 'proto', 'tests/sim'):
            shutil.copytree(os.path.join(root, room), os.path.join(copy, room))
        target = os.path.join(copy, path)
        with open(target) as f:
            text = f.read()
        if text.count(there) != 1:
            return f'{path} does not have once: {there}'
        with open(target, 'w') as f:
            f.write(text.replace(there, instead))
        build(copy, cc, sources, os.path.join(copy, 'sim'))
        run = subprocess.run([os.path.join(copy, 'sim'), f'--seeds={SEEDS}', '--until-failure'],
                             stdout=subprocess.PIPE, text=True)
        return '' if run.returncode == 1 else 'survived'


def main():
    count, root, cc, sources = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    faults = FAULTS[:count]
    sources = [os.path.relpath(s, root) for s in sources]
    print(f'1..{len(faults)}')
    failed = 0
    for number, fault in enumerate(faults, 1):
        why = bites(root, cc, sources, fault)
        print(f'{"not ok" if why else "ok"} {number} - {fault[0]}{": " + why if why else ""}', flush=True)
        failed += bool(why)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
