"""Coverage of the rule book: what stands for each rule, shows it, and exercises it."""
