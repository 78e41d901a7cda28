"""Witnesses: the heap of an unmodified Go program, read and judged by the rules of the model.

The memory of a process or a core (`process`, `core`, `memory`) is read by the layout that the
program itself tells (`executable`, `dwarf`, `layout`) into an `image`, which is then judged without
it: `learning` finds what the version lays down, the judges call the model's own predicates.
"""
