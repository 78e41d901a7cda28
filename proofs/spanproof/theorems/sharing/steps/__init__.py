"""What is proved of the steps of threads: they keep the invariant, however many there are."""
