"""A synthetic experiment: the distributed hybrid on a generated Amazon whose truth is known."""
