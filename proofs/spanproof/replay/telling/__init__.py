"""What is told of events: in short words, and which came before."""
