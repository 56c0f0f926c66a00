"""Training the overlay detector: drawn pads and scenes, medians kept on disk, the loop."""
