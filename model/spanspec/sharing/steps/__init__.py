"""The steps that threads take, at the grain at which they can see each other act."""
