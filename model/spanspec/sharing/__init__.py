"""The protocol by which threads share spans, at the grain at which they can see each other act.

There are any number of spans, threads, Ps and cache slots. A step names the identities that take
part and applies the rules of one span to their records; every other record stays as it is. What
a thread does between two steps nobody else can see: each compare-and-swap, each store of a
sweepgen, each move between lists and each push or pop is a step of its own.

* `records`: what a span, a thread, a P and a slot are to the protocol;
* `sweeping`, `cachespan`, `caching`, `cycle`: the steps;
* `invariant`: what holds after every step;
* `steps`: all steps in one table, for those who run, search or prove.
"""
