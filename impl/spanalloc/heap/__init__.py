"""The allocator as a whole: its operations, its cycle, who may act when, and what it shows."""
