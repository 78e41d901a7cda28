"""A rule's text with the records that it is about: where it is from, and what it depends on."""
