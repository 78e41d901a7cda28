"""Bugs planted into spanalloc, and the campaigns that have to find them."""
