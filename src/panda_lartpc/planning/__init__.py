"""Before a study is submitted: what it costs, and whether the cluster can run it."""
