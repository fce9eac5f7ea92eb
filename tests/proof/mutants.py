# SPDX-License-Identifier: MIT
"""The mutants of the page's text.

Each replaces a piece that its file holds exactly once, names the proof that should fail first, and, where
none can, says why what it does is the same.
"""

import collections

Mutant = collections.namedtuple("Mutant", "path what old new rung equivalent")

PROTOCOL = "proto/include/vdsotime/page-protocol.h"
PAGE = "proto/include/vdsotime/page.h"
CHECK = "proto/page/page.c"
PUBLISH = "proto/page/publish.c"

MUTANTS = []


def mutant(path, what, old, new, rung, equivalent=None):
    MUTANTS.append(Mutant(path, what, old, new, rung, equivalent))


# The orders.
mutant(
    PROTOCOL,
    "S1: the first load of the sequence is relaxed",
    "VDSOTIME_SEQ_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)",
    "VDSOTIME_SEQ_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)",
    "relacy",
)
mutant(
    PROTOCOL,
    "S3: no fence",
    "VDSOTIME_READ_FENCE() __atomic_thread_fence(__ATOMIC_ACQUIRE)",
    "VDSOTIME_READ_FENCE() ((void)0)",
    "relacy",
)
mutant(
    PROTOCOL,
    "S3: a release fence",
    "VDSOTIME_READ_FENCE() __atomic_thread_fence(__ATOMIC_ACQUIRE)",
    "VDSOTIME_READ_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)",
    "relacy",
)
mutant(
    PROTOCOL,
    "S3: an acquire load at S4 instead of the fence",
    "\tVDSOTIME_READ_FENCE();\n\treturn VDSOTIME_SEQ_RELOAD(&line->seq) == seq",
    "\treturn VDSOTIME_SEQ_LOAD(&line->seq) == seq",
    "relacy",
)
mutant(
    PROTOCOL,
    "S3: the fence behind S4",
    "\tVDSOTIME_READ_FENCE();\n\treturn VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1);",
    "\tint done = VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1);\n"
    "\tVDSOTIME_READ_FENCE();\n\treturn done;",
    "relacy",
)
mutant(
    PROTOCOL,
    "S4: acquire",
    "VDSOTIME_SEQ_RELOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)",
    "VDSOTIME_SEQ_RELOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)",
    "relacy",
    "a stronger order than needed",
)
mutant(
    PROTOCOL,
    "W0, W2: no fences",
    "VDSOTIME_WRITE_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)",
    "VDSOTIME_WRITE_FENCE() ((void)0)",
    "relacy",
)
mutant(
    PROTOCOL,
    "W0, W2: acquire fences",
    "VDSOTIME_WRITE_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)",
    "VDSOTIME_WRITE_FENCE() __atomic_thread_fence(__ATOMIC_ACQUIRE)",
    "relacy",
)
mutant(
    PROTOCOL,
    "W0: no fence",
    "\tVDSOTIME_WRITE_FENCE();\n\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "relacy",
)
mutant(
    PROTOCOL,
    "W1: release",
    "VDSOTIME_SEQ_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)",
    "VDSOTIME_SEQ_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)",
    "relacy",
    "a stronger order than needed",
)
mutant(
    PROTOCOL,
    "W2: no fence",
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n\tVDSOTIME_WRITE_FENCE();\n",
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "relacy",
)
mutant(
    PROTOCOL,
    "W2: a release store at W1 instead of the fence",
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n\tVDSOTIME_WRITE_FENCE();\n",
    "\tVDSOTIME_SEQ_RELEASE(&line->seq, seq);\n",
    "relacy",
)
mutant(
    PROTOCOL,
    "W4: the last store of the sequence is relaxed",
    "VDSOTIME_SEQ_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)",
    "VDSOTIME_SEQ_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)",
    "relacy",
)

# The reader of a line.
mutant(
    PROTOCOL,
    "an odd sequence is taken",
    "VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1)",
    "VDSOTIME_SEQ_RELOAD(&line->seq) == seq",
    "unit",
)
mutant(
    PROTOCOL,
    "the sequence is not compared",
    "VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1)",
    "!(seq & 1)",
    "stress",
)
mutant(
    PROTOCOL,
    "the sequence is compared in 16 bits",
    "VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1)",
    "(uint16_t)VDSOTIME_SEQ_RELOAD(&line->seq) == (uint16_t)seq && !(seq & 1)",
    "adversary",
)
mutant(
    PROTOCOL,
    "the sequence is only asked whether it is odd at the end",
    "VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1)",
    "!(VDSOTIME_SEQ_RELOAD(&line->seq) & 1)",
    "stress",
)
mutant(
    PROTOCOL,
    "the words are loaded before the sequence",
    "\tcopy->seq = vdsotime_line_begin(line);\n\tvdsotime_line_copy(line, copy);\n"
    "\treturn vdsotime_line_done",
    "\tvdsotime_line_copy(line, copy);\n\tcopy->seq = vdsotime_line_begin(line);\n"
    "\treturn vdsotime_line_done",
    "stress",
)
mutant(
    PROTOCOL,
    "a word is not copied",
    "copy->word[3] = VDSOTIME_WORD_LOAD(&line->word[3]);",
    "copy->word[3] = 0;",
    "unit",
)
mutant(
    PROTOCOL,
    "an extra word is copied from its neighbour",
    "copy->extra[5] = VDSOTIME_WORD_LOAD(&line->extra[5]);",
    "copy->extra[5] = VDSOTIME_WORD_LOAD(&line->extra[4]);",
    "step-kill",
)
mutant(
    PROTOCOL,
    "of a word's halves, the first is loaded twice",
    "u.half[1] = __atomic_load_n(&from[1], __ATOMIC_RELAXED);",
    "u.half[1] = __atomic_load_n(&from[0], __ATOMIC_RELAXED);",
    "halves",
)
mutant(
    PROTOCOL,
    "of a word's halves, the second is not stored",
    "\t__atomic_store_n(&to[1], u.half[1], __ATOMIC_RELAXED);\n",
    "",
    "halves",
)

# The writer of a line, and of both.
mutant(
    PROTOCOL,
    "seq + 1 instead of seq | 1",
    "VDSOTIME_SEQ_RELOAD(&line->seq) | 1;",
    "VDSOTIME_SEQ_RELOAD(&line->seq) + 1;",
    "unit",
)
mutant(
    PROTOCOL,
    "the sequence never becomes odd",
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "",
    "step-kill",
)
mutant(
    PROTOCOL,
    "the sequence stays odd",
    "VDSOTIME_SEQ_RELEASE(&line->seq, seq + 1);",
    "VDSOTIME_SEQ_RELEASE(&line->seq, seq);",
    "unit",
)
mutant(
    PROTOCOL,
    "the sequence goes back to what it was",
    "VDSOTIME_SEQ_RELEASE(&line->seq, seq + 1);",
    "VDSOTIME_SEQ_RELEASE(&line->seq, seq - 1);",
    "unit",
)
mutant(
    PROTOCOL,
    "the sequence wraps at 16 bits",
    "VDSOTIME_SEQ_RELEASE(&line->seq, seq + 1);",
    "VDSOTIME_SEQ_RELEASE(&line->seq, (seq + 1) & 0xffff);",
    "step-kill",
)
mutant(
    PROTOCOL,
    "the sequence is even before the words are stored",
    "\tVDSOTIME_META_STORE(&line->meta, value->meta);\n",
    "\tVDSOTIME_META_STORE(&line->meta, value->meta);\n"
    "\tVDSOTIME_SEQ_RELEASE(&line->seq, seq + 1);\n",
    "step-kill",
)
mutant(
    PROTOCOL,
    "meta is stored before the sequence is odd",
    "\tVDSOTIME_WRITE_FENCE();\n\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "\tVDSOTIME_WRITE_FENCE();\n\tVDSOTIME_META_STORE(&line->meta, value->meta);\n"
    "\tVDSOTIME_SEQ_STORE(&line->seq, seq);\n",
    "step-kill",
)
mutant(
    PROTOCOL,
    "meta is not stored",
    "\tVDSOTIME_META_STORE(&line->meta, value->meta);\n",
    "",
    "unit",
)
mutant(
    PROTOCOL,
    "the last word is not stored",
    "i < VDSOTIME_LINE_WORDS;",
    "i < VDSOTIME_LINE_WORDS - 1;",
    "unit",
)
mutant(
    PROTOCOL,
    "the last extra word is not stored",
    "i < VDSOTIME_LINE_EXTRA_WORDS;",
    "i < VDSOTIME_LINE_EXTRA_WORDS - 1;",
    "step-kill",
)
mutant(
    PROTOCOL,
    "the backup is written first",
    "\tvdsotime_line_store(primary, value);\n\tvdsotime_line_store(backup, value);\n",
    "\tvdsotime_line_store(backup, value);\n\tvdsotime_line_store(primary, value);\n",
    "relacy",
)
mutant(
    PROTOCOL,
    "the backup is not written",
    "\tvdsotime_line_store(backup, value);\n",
    "\t(void)backup;\n",
    "step-kill",
)
mutant(
    PROTOCOL,
    "the primary is not written",
    "\tvdsotime_line_store(primary, value);\n",
    "\t(void)primary;\n",
    "unit",
)

# The readers of a page.
mutant(
    PAGE,
    "a clock is never read from the backup",
    "result = vdsotime_line_read(&page->line[i & 1]",
    "result = vdsotime_line_read(&page->line[0]",
    "unit",
)
mutant(
    PAGE,
    "a line is never read from the backup",
    "if (vdsotime_line_load(&page->line[i & 1], ret) &&",
    "if (vdsotime_line_load(&page->line[0], ret) &&",
    "step-kill",
)
mutant(
    PAGE,
    "one try",
    "VDSOTIME_PAGE_TRIES 8",
    "VDSOTIME_PAGE_TRIES 1",
    "unit",
)
mutant(
    PAGE,
    "more tries than promised",
    "VDSOTIME_PAGE_TRIES 8",
    "VDSOTIME_PAGE_TRIES 800",
    "adversary",
)
mutant(
    PAGE,
    "a clock's counter is loaded before the sequence",
    "\tuint32_t seq = vdsotime_line_begin(line);\n\n\tif (seq & 1)\n\t\treturn VDSOTIME_PAGE_BUSY;\n"
    "\tuint64_t now = vdsotime_counter_read(order);\n"
    "\tuint32_t meta = VDSOTIME_META_LOAD(&line->meta);\n"
    "\tuint64_t ticks = now - VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_COUNTER]);\n",
    "\tuint64_t counter = VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_COUNTER]);\n"
    "\tuint32_t seq = vdsotime_line_begin(line);\n\n\tif (seq & 1)\n\t\treturn VDSOTIME_PAGE_BUSY;\n"
    "\tuint64_t now = vdsotime_counter_read(order);\n"
    "\tuint32_t meta = VDSOTIME_META_LOAD(&line->meta);\n"
    "\tuint64_t ticks = now - counter;\n",
    "relacy",
)
mutant(
    PAGE,
    "a clock is read beside a writer without a look at the sequence",
    "\tif (seq & 1)\n\t\treturn VDSOTIME_PAGE_BUSY;\n\tuint64_t now",
    "\tuint64_t now",
    "relacy",
    "vdsotime_line_done() refuses an odd sequence, too; the branch is there for isb on aarch64",
)
mutant(
    PAGE,
    "a clock is taken from a torn line",
    "\tif (!vdsotime_line_done(line, seq))\n\t\treturn VDSOTIME_PAGE_BUSY;\n",
    "",
    "adversary",
)
mutant(
    PAGE,
    "an instant is taken from a torn line",
    "\t\tif (!vdsotime_line_done(line, copy.seq))\n\t\t\tcontinue;\n",
    "",
    "adversary",
)
mutant(
    PAGE,
    "an interval is taken from a torn line",
    "\t\tif (!vdsotime_line_done(line, seq))\n\t\t\tcontinue;\n",
    "",
    "adversary",
)
mutant(
    PAGE,
    "a clock is read past the window",
    "\tif (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)\n"
    "\t\treturn VDSOTIME_PAGE_STALE;\n\tret->counter_ticks",
    "\tret->counter_ticks",
    "adversary",
)
mutant(
    PAGE,
    "an instant is read past the window",
    "\t\tif ((now - copy.word[VDSOTIME_WORD_COUNTER]) >>\n"
    "\t\t\t\t(copy.meta & VDSOTIME_META_WINDOW_MASK) !=\n\t\t\t0)\n"
    "\t\t\treturn VDSOTIME_PAGE_STALE;\n",
    "",
    "adversary",
)
mutant(
    PAGE,
    "an interval is read past the window",
    "\t\tif (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)\n"
    "\t\t\treturn VDSOTIME_PAGE_STALE;\n\t\tret->realtime_ns",
    "\t\tret->realtime_ns",
    "adversary",
)
mutant(
    PAGE,
    "a line from before the counter went back is read",
    "\tif (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)\n"
    "\t\treturn VDSOTIME_PAGE_STALE;\n\tret->counter_ticks",
    "\tif ((int64_t)ticks > 0 && ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)\n"
    "\t\treturn VDSOTIME_PAGE_STALE;\n\tret->counter_ticks",
    "unit",
)
mutant(
    PAGE,
    "the window is shifted by what the page says",
    "#define VDSOTIME_META_WINDOW_MASK 0x3fu",
    "#define VDSOTIME_META_WINDOW_MASK 0xffu",
    "adversary",
)
mutant(
    PAGE,
    "the counter is read before the sequence",
    "\tuint32_t seq = vdsotime_line_begin(line);\n\n\tif (seq & 1)\n\t\treturn VDSOTIME_PAGE_BUSY;\n"
    "\tuint64_t now = vdsotime_counter_read(order);\n",
    "\tuint64_t now = vdsotime_counter_read(order);\n\tuint32_t seq = vdsotime_line_begin(line);\n\n"
    "\tif (seq & 1)\n\t\treturn VDSOTIME_PAGE_BUSY;\n",
    "adversary",
)
mutant(
    PAGE,
    "the counter is read after the line was found whole",
    "\tif (!vdsotime_line_done(line, seq))\n\t\treturn VDSOTIME_PAGE_BUSY;\n",
    "\tif (!vdsotime_line_done(line, seq))\n\t\treturn VDSOTIME_PAGE_BUSY;\n"
    "\tticks += vdsotime_counter_read(order) - now;\n",
    "adversary",
)
mutant(
    PAGE,
    "the seconds carry once only",
    "\twhile (nsec >= 1000000000) {",
    "\tif (nsec >= 1000000000) {",
    "unit",
)

# The check word.
mutant(
    PAGE,
    "the check word leaves meta out",
    "uint64_t sum = line->meta * VDSOTIME_CHECK_FACTOR;",
    "uint64_t sum = 0;",
    "unit",
)
mutant(
    PAGE,
    "the check word leaves a word out",
    "for (i = 0; i < VDSOTIME_LINE_WORDS; i++)\n\t\tsum",
    "for (i = 0; i < VDSOTIME_LINE_WORDS - 1; i++)\n\t\tsum",
    "hostile",
)
mutant(
    PAGE,
    "the check word leaves an extra word out",
    "for (i = 0; i < VDSOTIME_EXTRA_CHECK; i++)",
    "for (i = 0; i < VDSOTIME_EXTRA_CHECK - 1; i++)",
    "hostile",
)
mutant(
    PAGE,
    "the check word forgets the high bits",
    "UINT64_C(0x9e3779b97f4a7c15)",
    "UINT64_C(0x9e3779b97f4a7c14)",
    "hostile",
)
mutant(
    PAGE,
    "a line is told that is not intact",
    "if (vdsotime_line_load(&page->line[i & 1], ret) && vdsotime_line_intact(ret))",
    "if (vdsotime_line_load(&page->line[i & 1], ret))",
    "unit",
)
mutant(
    CHECK,
    "of a page, the primary alone is looked at",
    "\tfor (i = 0; i < 2; i++)\n\t\tif (vdsotime_line_load(&page->line[i]",
    "\tfor (i = 0; i < 1; i++)\n\t\tif (vdsotime_line_load(&page->line[i]",
    "hostile",
)
mutant(
    CHECK,
    "a line that is being written is not intact",
    "if (vdsotime_line_load(&page->line[i], &line) && !vdsotime_line_intact(&line))",
    "if (!vdsotime_line_load(&page->line[i], &line) || !vdsotime_line_intact(&line))",
    "unit",
)
mutant(
    CHECK,
    "the ring's slot may be spoiled",
    " == generation && vdsotime_line_intact(ret);",
    " == generation;",
    "hostile",
)
mutant(
    CHECK,
    "a line stands although a later one is lost",
    "\t\t\tfound = 0;\n",
    "",
    "hostile",
)
mutant(
    PUBLISH,
    "take-over of a page that is not intact",
    " || !vdsotime_page_intact(page))",
    ")",
    "unit",
)
mutant(
    PUBLISH,
    "take-over leaves a spoiled slot in the ring",
    " || !vdsotime_line_intact(&slot))",
    ")",
    "unit",
)

# Bounds.
NOT_STALE = (
    "\t\tif (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)\n"
    "\t\t\treturn VDSOTIME_PAGE_STALE;\n\t\tret->realtime_ns"
)
for word in ("ERROR", "EPOCH", "FLAGS"):
    mutant(
        PAGE,
        f"of an interval, {word} is loaded after the line was found whole",
        NOT_STALE,
        f"\t\t{word.lower()} = VDSOTIME_WORD_LOAD(&line->extra[VDSOTIME_EXTRA_{word}]);\n{NOT_STALE}",
        "adversary",
    )
mutant(
    PAGE,
    "an interval lacks the ns that was cut off",
    "error + (ticks * per_tick >> 32) + 1;",
    "error + (ticks * per_tick >> 32);",
    "unit",
)
mutant(
    PAGE,
    "a bound lacks the ns that was cut off",
    "bound_ns + (age_ns * (uint32_t)growth >> 32) + 1;",
    "bound_ns + (age_ns * (uint32_t)growth >> 32);",
    "unit",
)
mutant(
    PAGE,
    "of an instant, no bound becomes a small one",
    "\treturn bound_ns >> 63 ? VDSOTIME_NO_ERROR_BOUND : aged;",
    "\treturn aged;",
    "unit",
)
mutant(
    PAGE,
    "of an interval, no bound becomes a small one",
    "\t\tif (error >> 63) {",
    "\t\tif (0) {",
    "unit",
)
mutant(
    PAGE,
    "the growth of a bound has a high half",
    "\treturn (growth & 0xffffffff) * (mult >> 32)",
    "\treturn growth * (mult >> 32)",
    "unit",
)
mutant(
    PAGE,
    "TAI - UTC has no sign",
    "(uint64_t)((int64_t)((int32_t)meta >> VDSOTIME_META_TAI_SHIFT)",
    "(uint64_t)((int64_t)(meta >> VDSOTIME_META_TAI_SHIFT)",
    "unit",
)
mutant(
    PAGE,
    "of an instant, TAI - UTC has no sign",
    "int32_t tai = (int32_t)line->meta >> VDSOTIME_META_TAI_SHIFT;",
    "int32_t tai = (int32_t)(line->meta >> VDSOTIME_META_TAI_SHIFT);",
    "unit",
)
mutant(
    PAGE,
    "seconds by a product may be one too few",
    "\treturn n - seconds * 1000000000 >= 1000000000 ? seconds + 1 : seconds;",
    "\treturn seconds;",
    "unit",
)
mutant(
    PAGE,
    "the growth of a bound is rounded down",
    "(mult >> 32) + (low >> 32) + 1;",
    "(mult >> 32) + (low >> 32);",
    "unit",
)
mutant(
    PAGE,
    "the growth of a bound lacks the low half",
    "(mult >> 32) + (low >> 32) + 1;",
    "(mult >> 32) + 1;",
    "unit",
)

# What of reading is not inline.
mutant(
    CHECK,
    "the ring's slot may be of any generation",
    " &&\n\t       ret->extra[VDSOTIME_EXTRA_GENERATION] == generation && ",
    " &&\n\t       ",
    "hostile",
)
mutant(
    CHECK,
    "the ring has no end",
    "&page->ring[generation % VDSOTIME_PAGE_RING]",
    "&page->ring[generation]",
    "unit",
)
mutant(
    CHECK,
    "a stamp from outside any line's window is resolved",
    "\tif (!line_covers(&line, stamp_ticks))\n\t\treturn 0;\n",
    "",
    "unit",
)
mutant(
    CHECK,
    "the oldest of the ring is not looked for",
    "newest > VDSOTIME_PAGE_RING ? newest - VDSOTIME_PAGE_RING : 0;",
    "newest > VDSOTIME_PAGE_RING ? newest - VDSOTIME_PAGE_RING + 1 : 0;",
    "step-kill",
)
mutant(
    CHECK,
    "no size is needed to look at a header",
    "\tif (size_bytes < sizeof(*h))\n\t\treturn VDSOTIME_PAGE_BAD_SIZE;\n",
    "",
    "hostile",
)
mutant(
    CHECK,
    "a mapping shorter than the page is taken",
    "size_bytes < sizeof(*page) || h->size_bytes != size_bytes ||",
    "",
    "unit",
)
mutant(
    CHECK,
    "the last byte of the boot id is not compared",
    "i < sizeof(h->boot_id); i++)\n\t\tif",
    "i < sizeof(h->boot_id) - 1; i++)\n\t\tif",
    "hostile",
)
mutant(
    CHECK,
    "a page of another counter is taken",
    "h->counter_kind != reader->counter_kind || ",
    "",
    "hostile",
)

# The writer of a page.
mutant(
    PUBLISH,
    "take-over without repair of the other line",
    "\t\tvdsotime_line_store(&page->line[!newest], &line[newest]);\n",
    "\t\t;\n",
    "unit",
)
mutant(
    PUBLISH,
    "take-over repairs a torn line only",
    "!whole[!newest] || line[!newest].extra[VDSOTIME_EXTRA_GENERATION] != generation)",
    "!whole[!newest])",
    "step-kill",
)
mutant(
    PUBLISH,
    "take-over repairs a line that needs none",
    "!whole[!newest] || line[!newest].extra[VDSOTIME_EXTRA_GENERATION] != generation)",
    "1)",
    "step-kill",
    "it gets what it has, by the protocol",
)
mutant(
    PUBLISH,
    "take-over goes on from the older line",
    "line[1].extra[VDSOTIME_EXTRA_GENERATION] >\n",
    "line[1].extra[VDSOTIME_EXTRA_GENERATION] <\n",
    "step-kill",
)
mutant(
    PUBLISH,
    "take-over goes on from a torn line",
    "newest = !whole[0] || (whole[1] && ",
    "newest = (whole[1] && ",
    "unit",
)
mutant(
    PUBLISH,
    "take-over of a page without a publication",
    " &&\n\t\t\t   line[i].extra[VDSOTIME_EXTRA_GENERATION] != 0;",
    ";",
    "unit",
)
mutant(
    PUBLISH,
    "take-over leaves a hole in the ring",
    "\t\tvdsotime_line_store(ring_slot(page, generation), &line[newest]);\n",
    "\t\t;\n",
    "unit",
)
mutant(
    PUBLISH,
    "take-over leaves the epoch word behind",
    "\tVDSOTIME_SEQ_RELEASE(&page->epoch, (uint32_t)line[newest].extra[VDSOTIME_EXTRA_EPOCH]);\n",
    "",
    "step-kill",
)
mutant(
    PUBLISH,
    "the ring before the lines",
    "\tvdsotime_lines_publish(&page->line[0], &page->line[1], value);\n"
    "\tvdsotime_line_store(ring_slot(page, value->extra[VDSOTIME_EXTRA_GENERATION]), value);\n",
    "\tvdsotime_line_store(ring_slot(page, value->extra[VDSOTIME_EXTRA_GENERATION]), value);\n"
    "\tvdsotime_lines_publish(&page->line[0], &page->line[1], value);\n",
    "step-kill",
)
mutant(
    PUBLISH,
    "nothing in the ring",
    "\tvdsotime_line_store(ring_slot(page, value->extra[VDSOTIME_EXTRA_GENERATION]), value);\n",
    "",
    "unit",
)
mutant(
    PUBLISH,
    "the epoch word before the lines",
    "\tvdsotime_lines_publish(&page->line[0], &page->line[1], value);\n",
    "\tVDSOTIME_SEQ_RELEASE(&page->epoch, (uint32_t)value->extra[VDSOTIME_EXTRA_EPOCH]);\n"
    "\tvdsotime_lines_publish(&page->line[0], &page->line[1], value);\n",
    "step-kill",
)
mutant(
    PUBLISH,
    "the epoch word is stored relaxed",
    "\tVDSOTIME_SEQ_RELEASE(&page->epoch, (uint32_t)value->extra[VDSOTIME_EXTRA_EPOCH]);\n",
    "\tVDSOTIME_SEQ_STORE(&page->epoch, (uint32_t)value->extra[VDSOTIME_EXTRA_EPOCH]);\n",
    "relacy",
    "the ring's fences lie between the lines and it",
)
mutant(
    PUBLISH,
    "a page of another time namespace is taken over",
    " &&\n\t       h->time_namespace_inode == identity->time_namespace_inode;",
    ";",
    "unit",
)
mutant(
    PUBLISH,
    "a page of a time namespace on another device is taken over",
    "h->time_namespace_dev == identity->time_namespace_dev &&",
    "",
    "unit",
)
mutant(
    PUBLISH,
    "a page of another minor is taken over",
    "h->minor == VDSOTIME_PAGE_MINOR &&",
    "",
    "unit",
)
mutant(
    PUBLISH,
    "a page with something in what was reserved is taken over",
    "h->reserved[i] != 0",
    "0",
    "unit",
)
mutant(
    PUBLISH,
    "a page has no instance",
    "\th->instance = instance;\n",
    "\t(void)instance;\n",
    "unit",
)
mutant(
    CHECK,
    "a page without a counter is taken",
    " || h->counter_kind == VDSOTIME_COUNTER_NONE)",
    ")",
    "unit",
)
