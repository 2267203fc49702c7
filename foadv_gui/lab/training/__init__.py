"""Adversarial training: what is trained, the run of it, what it says, and what it looks like."""
