"""One span: its shape, its slots and bits, the records of its objects; the cache that it is in."""
