"""The names of what is measured in each epoch of a training, for those who need no tensors; see `training.Epoch`."""

OF_POINTS = ("adversarial_loss", "clean_loss", "adversarial_error", "clean_error")
HELD_OUT = tuple(f"held_out_{name}" for name in OF_POINTS)
MEASURES = (
    *OF_POINTS,
    *HELD_OUT,
    *("residual", "gradient_norm", "movement", "movement_a"),
    *("inner_step", "inner_steps", "inner_unconverged", "tangential", "fosc", "reach"),
)
"""What is known of each epoch, one number each, NaN where there is none."""
