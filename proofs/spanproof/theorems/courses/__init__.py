"""What the courses of a heap do: obligations that are decided by running all there is to try."""
