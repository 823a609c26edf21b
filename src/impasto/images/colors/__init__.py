"""Colours: what a file says about its pixels, the way from there to sRGB, and Oklab."""
