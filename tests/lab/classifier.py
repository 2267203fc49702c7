"""A classifier of the digits that come with the program, trained with plain PyTorch, outside of the package."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from foadv_gui.lab.gallery import digit_images


def pixels() -> tuple[torch.Tensor, torch.Tensor]:
    """The images with pixels in [0, 1], (1797, 64), and their classes."""
    images, labels = digit_images()
    return torch.from_numpy(images / 16.0), torch.from_numpy(labels.astype(np.int64))


@cache
def digits_classifier() -> torch.nn.Sequential:
    """64-128-128-10, tanh, full-batch Adam; float32, and not to be changed."""
    X, y = pixels()
    X = X.float()
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        *(torch.nn.Linear(64, 128), torch.nn.Tanh(), torch.nn.Linear(128, 128), torch.nn.Tanh()),
        torch.nn.Linear(128, 10),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            bound = parameter.shape[-1] ** -0.5
            parameter.uniform_(-bound, bound, generator=generator)
    # Adam by hand: the optimisers of PyTorch take seconds to import.
    moments = [(torch.zeros_like(parameter), torch.zeros_like(parameter)) for parameter in model.parameters()]
    for t in range(1, 121):
        gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(model(X), y), tuple(model.parameters()))
        with torch.no_grad():
            for parameter, gradient, (mean, square) in zip(model.parameters(), gradients, moments, strict=True):
                mean.lerp_(gradient, 0.1)
                square.lerp_(gradient**2, 0.001)
                parameter -= 3e-3 * mean / (1 - 0.9**t) / ((square / (1 - 0.999**t)).sqrt() + 1e-8)
    assert (model(X).argmax(1) == y).float().mean() > 0.9
    return model.requires_grad_(False)
