"""Programs: what may be asked of a span, a heap, or threads; and how they are drawn."""
