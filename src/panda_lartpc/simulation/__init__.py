"""The built-in event generator: particles in liquid argon, from physics tables to labelled voxels."""
