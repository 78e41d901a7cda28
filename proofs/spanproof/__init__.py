"""The evidence: proofs, differential fuzzing, trace conformance, reports, command line."""
