"""A changed piece of source: what mutants and bugs are made of."""
