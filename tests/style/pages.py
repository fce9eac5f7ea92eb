#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual names all that there is: functions, options, settings.

    pages.py ROOT VDSOTIMED PAGE...

Every function of the public header is in a page of section 3, every option that vdsotimed --help shows is in
vdsotimed(8), every setting of the sample configuration in vdsotimed.conf(5), and groff has no complaint.
"""

import os
import re
import shutil
import subprocess
import sys

import tree

from symbols import declared


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def source(root, name):
    """A page's text without the marks for bold and underlined."""
    return re.sub(r"[*_\\]", "", read(os.path.join(root, "man", name + ".scd")))


def missing(names, text, where):
    flat = re.sub(r"_", "", text)
    for name in names:
        if re.sub(r"_", "", name) not in flat:
            yield f"{name}: not in {where}"


def check_symbols(root):
    names = sorted(declared(os.path.join(root, "client/include/vdsotime/client.h")))
    folder = os.path.join(root, "man")
    pages = [n[:-4] for n in sorted(os.listdir(folder)) if n.endswith(".3.scd")]
    return missing(names, "".join(source(root, page) for page in pages), "any page of section 3")


def check_options(root, daemon):
    told = subprocess.run([daemon, "--help"], capture_output=True, text=True, check=True).stdout
    return missing(re.findall(r"^\s+(?:-\w, )?(--[\w-]+=?)", told, re.M), source(root, "vdsotimed.8"),
                   "vdsotimed(8)")


def check_settings(root):
    sample = read(os.path.join(root, "daemon/vdsotimed.conf"))
    settings = re.findall(r"^#(\w+=)\S", sample, re.M)
    return missing(settings, source(root, "vdsotimed.conf.5"), "vdsotimed.conf(5)")


def check_groff(pages):
    environment = dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8", MANROFFSEQ="")
    for page in pages:
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        for line in done.stderr.splitlines():
            yield f"{os.path.basename(page)}: {line}"
        if done.returncode:
            yield f"{os.path.basename(page)}: man says {done.returncode}"


def main(root, daemon, *pages):
    found = [*check_symbols(root), *check_options(root, daemon), *check_settings(root)]
    if shutil.which("man"):
        found += check_groff(pages)
    else:
        print("without man, which is not here")
    tree.finish("pages", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
