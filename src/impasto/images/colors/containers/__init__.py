"""The statements about colour that stand in a file, one container format a file; what they mean is `color_space`'s."""
