#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arrows between the rooms, held against every #include of the tree.

    arrows.py ROOT          checks the tree
    arrows.py --bites       checks that each rule finds an offender
"""

import os
import re
import sys
import tempfile

import tree

# Who may include whom by room path.  The longest prefix that fits a file's own path counts.
ROOM_ARROWS = {
    "proto/": ("proto/",),
    "daemon/": ("daemon/", "proto/"),
    "client/": ("client/", "proto/"),
    "client/ctl/": ("client/ctl/",),
    "tests/": ("",),
    "examples/": ("examples/", "proto/"),
}

# What proto may take from outside: headers that a compiler without libc has.
FREESTANDING = {
    "cpuid.h",
    "float.h",
    "limits.h",
    "stdalign.h",
    "stdarg.h",
    "stdatomic.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdnoreturn.h",
}

# Foreign libraries, and the files that own them.  Tests may drive them, too.
OWNERS = {
    "ev.h": ("daemon/loop.c",),
    "ini.h": ("daemon/config.c",),
    "systemd/": ("daemon/service.c",),
    "json-c/": (
        "daemon/varlink.c",
        "daemon/describe.c",
        "daemon/object.c",
        "daemon/print.c",
        "client/ctl/value.c",
    ),
    "cmocka.h": (),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path, table):
    return max((room for room in table if path.startswith(room)), key=len, default=None)


def check_include(root, path, kind, name):
    """The problem with this include, or None."""
    room = room_of(path, ROOM_ARROWS)
    if kind == '"':
        if "/" not in name:
            return f'"{name}" is not written as a path from the top'
        if not name.startswith(ROOM_ARROWS[room]):
            return f'"{name}": {room} must not know it'
        # client/ may not reach into client/ctl/ either.
        if room == "client/" and name.startswith("client/ctl/"):
            return f'"{name}": the library must not know the tool'
        return None
    for library, owners in OWNERS.items():
        if name.startswith(library) and room != "tests/" and path not in owners:
            return f"<{name}> belongs to {', '.join(owners) or 'the tests'}"
    if name.startswith("vdsotime/"):
        if room in ("proto/", "daemon/") and not os.path.exists(
            os.path.join(root, "proto/include", name)
        ):
            return f"<{name}>: {room} must not know it"
        return None
    if room == "proto/" and name not in FREESTANDING:
        return f"<{name}>: proto is freestanding"
    return None


def check_order(path, includes, exists):
    """A source includes its own header first: NAME.h, NAME-MORE.h, or in proto a public one."""
    own = path[:-2] + ".h"
    if not path.endswith(".c") or not exists(own):
        return None
    if includes and includes[0][0] == '"' and re.match(re.escape(own[:-2]) + r"[.-]", includes[0][1]):
        return None
    if path.startswith("proto/") and includes and includes[0][1].startswith("vdsotime/"):
        return None
    return f'its own header "{own}" is not its first include'


def problems(root):
    found = []
    for path in tree.files(root, (".c", ".h")):
        includes = []
        with open(os.path.join(root, path), encoding="utf-8") as f:
            lines = f.readlines()
        if not lines or lines[0] != "/* SPDX-License-Identifier: MIT */\n":
            found.append(f"{path}:1: does not begin with the licence")
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                if re.match(r"^([^\"']|\"[^\"]*\")*//", re.sub(r"/\*.*?\*/", "", line)):
                    found.append(f"{path}:{number}: a comment with //")
                continue
            includes.append(match.groups())
            problem = check_include(root, path, *match.groups())
            if problem:
                found.append(f"{path}:{number}: {problem}")
        problem = check_order(path, includes, lambda p: os.path.exists(os.path.join(root, p)))
        if problem:
            found.append(f"{path}: {problem}")
    return found


OFFENDERS = {
    "proto/page/a.c": "#include <stdio.h>\n",
    "proto/page/b.c": '#include "daemon/log.h"\n',
    "proto/page/c.c": "#include <vdsotime/client.h>\n",
    "daemon/a.c": '#include "client/handle.h"\n',
    "daemon/b.c": "#include <ev.h>\n",
    "daemon/c.c": "#include <systemd/sd-daemon.h>\n",
    "daemon/d.c": "#include <ini.h>\n",
    "daemon/e.c": "#include <json-c/json.h>\n",
    "daemon/f.c": '#include "log.h"\n',
    "daemon/g.c": "#include <vdsotime/client.h>\n",
    "daemon/h.c": "int x; // what\n",
    "daemon/loop.c": "#include <ev.h>\n",
    "client/a.c": '#include "daemon/log.h"\n',
    "client/b.c": '#include "client/ctl/ctl.h"\n',
    "client/ctl/a.c": '#include "client/handle.h"\n',
    "client/ctl/b.c": '#include "proto/wire/stamp.h"\n',
    "client/ctl/c.c": "#include <cmocka.h>\n",
}


def bites():
    """An offender against each rule; daemon/loop.c offends only by its header's place."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in OFFENDERS.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write("/* SPDX-License-Identifier: MIT */\n" + text)
        with open(os.path.join(root, "daemon/loop.h"), "w", encoding="utf-8") as f:
            f.write("/* SPDX-License-Identifier: MIT */\n")
        found = problems(root)
    return [
        f"{path}: the offence went unseen"
        for path in OFFENDERS
        if not any(p.startswith(path + ":") for p in found)
    ]


if __name__ == "__main__":
    if sys.argv[1] == "--bites":
        tree.finish("arrows, of offenders unseen", bites())
    tree.finish("arrows", problems(sys.argv[1]))
