"""Training: the loop, its schedule, its state on disk, and what it tells while it runs."""
