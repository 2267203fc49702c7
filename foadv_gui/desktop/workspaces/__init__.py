"""Arrangements of panels and plots."""
