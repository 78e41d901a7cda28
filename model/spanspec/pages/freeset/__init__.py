"""The set of free runs: what it is to the page heap, and the treap that it is in the runtime."""
