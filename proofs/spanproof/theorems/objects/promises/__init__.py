"""What objects are promised, one promise at a time: where they lie, what is zero, what dies."""
