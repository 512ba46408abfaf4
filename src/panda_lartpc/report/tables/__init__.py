"""The tables of the paper, from files that runs left."""
