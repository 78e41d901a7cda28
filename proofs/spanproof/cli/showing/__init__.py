"""What commands print of proofs, mutants, traces and findings."""
