/* The ownership protocol of spans, cache slots and sweepers, as in spanspec/ownership.py.

   A generation is read relative to the heap's own, so that a cycle relabels all spans. Each
   transition is one indivisible step. The lines with a dollar sign are written out for each
   identity in scope: a guard with a quantifier has no other form. */

#define FREE     0  /* not in use */
#define NEEDS    1  /* sg-2 */
#define SWEEPING 2  /* sg-1 */
#define SWEPT    3  /* sg   */
#define STALE    4  /* sg+1 */
#define CACHED   5  /* sg+3 */

#define SPANS    $spans
#define SLOTS    $slots
#define SWEEPERS $sweepers

byte gen[SPANS + 1];    /* span 0 is no span */
byte slot[SLOTS];
bool flushed[SLOTS] = true;
byte sweeper[SWEEPERS];
hidden byte i;

#define ALL_SWEPT ($all_swept)
#define OWNED ($owned)

inline allocate(s) {
  d_step { gen[s] == FREE -> gen[s] = SWEPT }
}
inline cache(t, s) {
  d_step { slot[t] == 0 && flushed[t] && gen[s] == SWEPT -> gen[s] = CACHED; slot[t] = s }
}
inline retire(t) {
  d_step { slot[t] != 0 && flushed[t] -> gen[slot[t]] = SWEPT; slot[t] = 0 }
}
inline uncache(t, w) {
  d_step { slot[t] != 0 && sweeper[w] == 0 ->
    if
    :: gen[slot[t]] == STALE -> gen[slot[t]] = SWEEPING; sweeper[w] = slot[t]
    :: else -> gen[slot[t]] = SWEPT
    fi;
    slot[t] = 0
  }
}
inline flush(t) {
  d_step { slot[t] == 0 -> flushed[t] = true }
}
inline claim(s, w) {
  d_step { gen[s] == NEEDS && sweeper[w] == 0 -> gen[s] = SWEEPING; sweeper[w] = s }
}
inline publish(w, after) {
  d_step { sweeper[w] != 0 -> gen[sweeper[w]] = after; sweeper[w] = 0 }
}
inline start_sweep_phase() {
  d_step { ALL_SWEPT ->
    for (i : 1 .. SPANS) {
      if
      :: gen[i] == SWEPT -> gen[i] = NEEDS
      :: gen[i] == CACHED -> gen[i] = STALE
      :: else
      fi
    }
    for (i : 0 .. SLOTS - 1) { flushed[i] = false }
    i = 0
  }
}

active proctype heap() {
  do
$heap_steps
  :: start_sweep_phase()
  od
}

/* Processes are numbered from 0 as they stand here: the heap, then the slots, then the sweepers. */

#define ME_SLOT (_pid - 1)
#define ME_SWEEPER (_pid - 1 - SLOTS)

active [SLOTS] proctype cache_slot() {
  do
$slot_steps
  :: retire(ME_SLOT)
  :: flush(ME_SLOT)
  od
}

active [SWEEPERS] proctype sweeping() {
  do
$sweeper_steps
  :: publish(ME_SWEEPER, SWEPT)
  :: publish(ME_SWEEPER, FREE)
  od
}

/* Looks at every state: whoever owns a span is its only owner, and the span's generation says so. */
active proctype monitor() {
  d_step { !OWNED -> assert(false) }
}
