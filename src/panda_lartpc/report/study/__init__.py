"""The report of a study: one page with its tables, figures, displays, runs and where all of it comes from."""
