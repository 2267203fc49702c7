"""Many experiments: a grid of settings, a row of findings for each point, and who computes them."""
