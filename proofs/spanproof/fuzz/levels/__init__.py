"""The levels below a span and a heap: size classes, and the contract that any malloc keeps."""
