"""Wrong variants of what runs: generated mutants, known bugs, and damaged traces."""
