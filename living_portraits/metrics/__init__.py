"""What can be counted about a film: pure functions on arrays, each with its formula.

`pixels` compares pictures, `motion` what a tracker read off them, `identity` whose face it is, `perceptual` what a
network trained on photographs sees, `distribution` two heaps of such features.
No figure means anything alone: a film that never moves keeps its identity perfectly.
"""
