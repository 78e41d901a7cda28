"""What is proved of the tables of the page heap, however many runs and pages there are."""
