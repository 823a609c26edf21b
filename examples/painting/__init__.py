"""Pictures in the manner of several crafts, one file a craft; each is a function of (height, width, seed)."""
