"""Learning one dancer from one clip: Everybody Dance Now, Chan et al. 2019 (arXiv 1808.07371)."""
