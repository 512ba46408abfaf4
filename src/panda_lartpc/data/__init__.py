"""Events from files to batches: readers, the Zarr point store, its index and the sampler."""
