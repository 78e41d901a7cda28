"""`python -m spanalloc`: say in one line how this copy runs."""

from spanalloc import COMPILED

if COMPILED:
    print("spanalloc runs compiled (mypyc)")
else:
    print("spanalloc runs interpreted: no C compiler was found when it was installed")
