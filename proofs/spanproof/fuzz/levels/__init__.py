"""Other levels: size classes, the contract of any malloc, Ps at once, and what answers messages."""
