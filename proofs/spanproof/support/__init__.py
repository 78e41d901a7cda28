"""What every command needs: files, streams, signals, processes and tools."""
