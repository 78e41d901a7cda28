"""What decides a question: Z3 in this process, and solvers that read its text."""
