"""One span: its record, the search for a free slot, its sweep, its marks, its special records."""
