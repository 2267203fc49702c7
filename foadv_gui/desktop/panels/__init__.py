"""The panels around the plots: settings, playback, verdict."""
