"""One training loop. A recipe brings the networks and `step(batch) -> {loss name: value}`; the loop does the rest."""
