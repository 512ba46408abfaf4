"""The figures of the paper, from files that runs left; one module a figure."""
