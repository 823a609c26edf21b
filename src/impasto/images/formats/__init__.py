"""One file per format: its bytes to a raster, and the names of what is no picture."""
