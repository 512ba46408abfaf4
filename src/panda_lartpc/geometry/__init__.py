"""Cells, neighbours and orders of points: numbers in, numbers out, knowing neither files nor networks."""
