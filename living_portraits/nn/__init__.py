"""Losses and networks that engines share. Pictures are float `[B, 3, H, W]` in [-1, 1]; nothing here reads a clip."""
