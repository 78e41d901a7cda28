"""What uses a heap: handles for Python, audits, and programs that put it under load."""
