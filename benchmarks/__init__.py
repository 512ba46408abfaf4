"""How fast each stage is, beside what a user would pick instead and beside its limit. `make bench` runs all."""
