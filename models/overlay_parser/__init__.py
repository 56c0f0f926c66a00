"""The overlay parser: a SegFormer that reads a pad's state from two consecutive control atlases."""
