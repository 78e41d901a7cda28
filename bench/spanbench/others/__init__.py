"""What ours is held against, and what both sides are asked."""
