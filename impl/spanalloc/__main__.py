"""`python -m spanalloc`: say in one line how this copy runs."""

from spanalloc import COMPILED

if COMPILED:
    print("spanalloc runs compiled (mypyc)")
else:
    print("spanalloc runs interpreted: it was installed without a working C compiler")
