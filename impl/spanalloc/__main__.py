"""`python -m spanalloc`: say in one line how this copy runs."""

from spanalloc import RUNNING

if RUNNING.compiled:
    print("spanalloc runs compiled (mypyc)")
else:
    print(f"spanalloc runs interpreted: {RUNNING.reason}")
