"""The abstract allocator: what a program may rely on, whatever the allocator is made of.

It knows no spans, threads or free lists. Memory is addresses; what lives in it are blocks.

* `records`: the memory, and the blocks that live in it;
* `steps`: what an allocator, a collector and a program may do to them, and when;
* `invariant`: what holds after every step;
* `memory`: tables for an allocator that runs.
"""
