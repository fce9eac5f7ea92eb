/* SPDX-License-Identifier: MIT */
/*
 * The protocol under sequential consistency, with what Relacy's search is too small for: writers that die
 * at any store, again and again, restarts with page_recover(), a sequence that wraps, readers without end.
 *
 * Each store of page_publish() and page_recover() is one step, and each load of a reader.  The sequence
 * has SEQUENCES values (2^32 on a page) and begins just before its wrap.  A reader's try meets fewer stores
 * of its line than bring the sequence round; WRAP_IN_A_TRY takes that away.
 *
 * The names in capitals take something away, and then the model must fail; proof.py runs it with each.
 */
#ifndef SEQUENCES
#define SEQUENCES 8
#endif
#define PUBLICATIONS 5
#define DEATHS 2

#define ODD(i) (sequence[i] % 2 == 1)

/* The lines of a page: of their words, one and the generation. */
byte sequence[2];
byte word[2];
byte generation[2];

byte epoch;
byte ring; /* generation of the newest slot */

/* The line that the reader tries, how often that was written meanwhile; whether its read met any store. */
#define NO_LINE 2
byte tries = NO_LINE;
byte met;
bool moved;

byte deaths;
/* The highest generation that any reader has read. */
byte told;

inline stored()
{
	assert(!(ODD(0) && ODD(1)));
	moved = true
}

/* Right behind a store: the writer may be gone. */
inline or_die()
{
	if
	:: deaths < DEATHS -> deaths++; goto dead
	:: true
	fi
}

#ifdef WRAP_IN_A_TRY
#define MAY_STORE(i) true
#else
#define MAY_STORE(i) (tries != i || met < SEQUENCES / 2 - 1)
#endif

#ifdef PLUS_ONE
#define ODD_AFTER(seq) ((seq + 1) % SEQUENCES)
#else
#define ODD_AFTER(seq) (seq | 1)
#endif

inline line_store(i, g)
{
	atomic {
		MAY_STORE(i);
		met = (tries == i -> met + 1 : met);
		odd = ODD_AFTER(sequence[i]);
		sequence[i] = odd;
		stored();
		or_die()
	};
	atomic { word[i] = g; stored(); or_die() };
	atomic { generation[i] = g; stored(); or_die() };
	atomic { sequence[i] = (odd + 1) % SEQUENCES; stored(); or_die() }
}

#define WHOLE(i) (!ODD(i) && generation[i] != 0)

/* A writer's life; dead: the next one's begins. */
proctype writer()
{
	byte odd, newest, g;

dead:
	/* page_recover() */
	assert(WHOLE(0) || WHOLE(1));
	d_step {
		odd = 0;
		newest = (!WHOLE(0) || (WHOLE(1) && generation[1] > generation[0]) -> 1 : 0);
		g = generation[newest]
	};
#ifndef NO_REPAIR
	if
	:: !WHOLE(1 - newest) || generation[1 - newest] != g -> line_store(1 - newest, g)
	:: else
	fi;
#endif
	if
	:: atomic { ring != g -> ring = g; or_die() }
	:: else
	fi;
	assert(g >= told);
	atomic { epoch = g; or_die() };

	do
	:: g < PUBLICATIONS ->
		/* page_publish() */
		g++;
#ifdef BACKUP_FIRST
		line_store(1, g);
		line_store(0, g);
#else
		line_store(0, g);
		line_store(1, g);
#endif
		assert(g == ring + 1);
		atomic { ring = g; or_die() };
		atomic { epoch = g; or_die() }
	:: g == PUBLICATIONS -> break
	od
}

inline line_load(i)
{
	d_step { seq = sequence[i]; tries = i; met = 0 };
	if
	:: seq % 2 == 1 -> ok = false
	:: else ->
		w = word[i];
		g = generation[i];
#ifdef NO_RECHECK
		ok = true
#else
		ok = (sequence[i] == seq)
#endif
	fi;
	d_step { tries = NO_LINE; met = 0; seq = 0 }
}

/* Reads without end, each of two tries; a third would be a first one. */
proctype reader()
{
	byte seq, w, g, least;
	bool ok;

end:
	do
	:: d_step { moved = false; least = told };
		line_load(0);
		if
		:: !ok -> line_load(1)
		:: else
		fi;
		/* wait-free: only a writer that went on can have made both tries fail */
		assert(ok || moved);
		d_step {
			assert(!ok || (w == g && g >= least));
			told = (ok && g > told -> g : told);
			w = 0; g = 0; least = 0; ok = false
		}
	od
}

/*
 * All other readers.  A read that succeeds is as good as one made at once at its last load, so that is how
 * these read.
 */
proctype readers()
{
end:
	do
	:: d_step { !ODD(0) && generation[0] > told -> told = generation[0] }
	:: d_step { ODD(0) && !ODD(1) && generation[1] > told -> told = generation[1] }
	od
}

init {
	byte i;

	d_step {
		for (i : 0 .. 1) {
			sequence[i] = SEQUENCES - 2;
			word[i] = 1;
			generation[i] = 1
		}
		ring = 1;
		epoch = 1
	};
	atomic { run writer(); run reader(); run readers() }
}
