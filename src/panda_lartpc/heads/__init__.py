"""From features of points to predictions, and the losses that train them."""
