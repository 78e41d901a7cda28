"""What a heap that runs consists of, and the steps that change it."""
