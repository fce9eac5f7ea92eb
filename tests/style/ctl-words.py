#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tool's words are the same everywhere: in its table of verbs, its manual and its completions.

    ctl-words.py ROOT VDSOTIMECTL

The table is what "vdsotimectl help --json=short" prints.  The manual names each verb and option, and no
other option; so does the completion for zsh; the one for bash is run.  And "show" knows the members of
GetStatus as its interface declares them, and no others.
"""

import json
import os
import re
import subprocess
import sys

import tree

ZSH_VERB = re.compile(r"^\t\t['\"]([\w-]+):", re.M)
LONG = re.compile(r"(?<![\w-])--([a-z][\w-]*)")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def table(ctl):
    told = subprocess.run([ctl, "help", "--json=short"], capture_output=True, check=True).stdout
    return json.loads(told)


def long_names(options):
    return {o["name"] for o in options if len(o["name"]) > 1}


def all_long_names(words):
    lists = [words["options"]] + [v["options"] for v in words["verbs"]]
    return set().union(*map(long_names, lists))


def differences(where, have, want):
    for name in sorted(want - have):
        yield f"{where}: lacks {name}"
    for name in sorted(have - want):
        yield f"{where}: has {name}, which is not there"


def check_manual(root, words):
    text = re.sub(r"[*_\\]", "", read(root, "man", "vdsotimectl.1.scd"))
    verbs = set(re.findall(r"^([a-z][\w-]*)(?: |$)", text.split("# VERBS")[1].split("# OPTIONS")[0], re.M))
    yield from differences("manual, verbs", verbs, {v["name"] for v in words["verbs"]})
    yield from differences("manual, options", set(LONG.findall(text)), all_long_names(words))
    for option in (o for v in words["verbs"] for o in v["options"] if o["letter"]):
        if f"-{option['letter']}, --{option['name']}" not in text:
            yield f"manual: lacks -{option['letter']}, --{option['name']}"


def check_zsh(path, words):
    text = read(path)
    yield from differences("zsh, verbs", set(ZSH_VERB.findall(text)), {v["name"] for v in words["verbs"]})
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    yield from differences("zsh, options", set(LONG.findall(code)), all_long_names(words))


# What the completion for bash gives for a command line, without the package bash-completion: this much of
# its _init_completion is what is used.
BASH = r"""
_init_completion() {
	words=("${COMP_WORDS[@]}")
	cword=$((${#words[@]} - 1))
	cur=${words[cword]}
	prev=${words[cword - 1]}
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		cur=${cur#*=}
	fi
}
compopt() { :; }
source "$1" || exit
shift
COMP_WORDS=("$@")
_vdsotimectl
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(path, *words):
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", path, "vdsotimectl", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or done.stderr:
        return {f"({done.returncode}) {done.stderr.strip()}"}
    return {line for line in done.stdout.split("\n") if line}


def option_words(options):
    words = {f"--{o['name']}{'=' if o['argument'] else ''}" for o in options if len(o["name"]) > 1}
    return words | {f"-{o['letter']}" for o in options if o["letter"]}


def check_bash(path, words):
    common = option_words(words["options"])
    yield from differences("bash, verbs", complete(path, ""), {v["name"] for v in words["verbs"]})
    for verb in words["verbs"]:
        name = verb["name"]
        given = complete(path, name, "-")
        yield from differences(f"bash, {name}", given, common | option_words(verb["options"]))
        for option in verb["options"] + words["options"]:
            choices = set((option["argument"] or "").split("|"))
            for word in (f"--{option['name']}", f"-{option['letter']}"):
                if len(choices) > 1 and word != "-None":
                    given = complete(path, name, *([f"{word}="] if word[1] == "-" else [word, ""]))
                    yield from differences(f"bash, {name} {word}", given, choices)
                elif option["argument"] in ("NUMBER", "SECONDS") and word != "-None":
                    yield from differences(f"bash, {name} {word}", complete(path, name, word, ""), set())
    if complete(path, "--json=short", "now", "MONOTONIC_") != {"MONOTONIC_RAW"}:
        yield "bash: does not complete a clock"


def properties(text, fields, prefix):
    """The dotted names of an interface's fields: members of arrays by the number 0."""
    for name, array, kind in re.findall(r"(\w+): \??(\[\])?(\w+)", re.sub(r"#.*", "", fields)):
        full = f"{prefix}{name}{'.0' if array else ''}"
        inner = re.search(rf"^type {kind} \(\n(.*?)^\)", text, re.M | re.S)
        if inner:
            yield from properties(text, inner[1], full + ".")
        else:
            yield full


def check_properties(root, ctl):
    text = read(root, "proto", "wire", "org.vdsotime.Time.varlink")
    reply = re.search(r"^method GetStatus\(\) -> \((.*?)^\)", text, re.M | re.S)[1]
    declared = set(properties(text, reply, ""))
    nowhere = [ctl, "--runtime-dir=/nonexistent", "show"]
    for name in sorted(declared):
        if subprocess.run(nowhere + ["-p", name], capture_output=True, check=False).returncode != 3:
            yield f"show: does not know {name}"
    shown = subprocess.run(nowhere, capture_output=True, text=True, check=False).stdout
    names = {re.sub(r"\.\d+(?=\.|$)", ".0", line.split("=")[0]) for line in shown.splitlines()}
    for name in sorted(names - declared):
        if not name.startswith("reader."):
            yield f"show: has {name}, which the interface has not"


def main(root, ctl):
    words = table(ctl)
    folder = os.path.join(root, "client", "ctl", "completion")
    tree.finish(
        "ctl-words",
        [
            *check_manual(root, words),
            *check_zsh(os.path.join(folder, "_vdsotimectl"), words),
            *check_bash(os.path.join(folder, "vdsotimectl"), words),
            *check_properties(root, ctl),
        ],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
