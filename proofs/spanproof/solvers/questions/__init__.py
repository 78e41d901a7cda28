"""Questions as text, and in the forms in which solvers can decide them."""
