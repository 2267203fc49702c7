"""Ball-and-box geometry: the nearest point of a sphere within a box, and tangent cones of the intersection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def clip_along_ray(v: Tensor, lower: Tensor, upper: Tensor, epsilon: float, *, fill: bool) -> Tensor:
    """The point clip(s v, lower, upper) of length epsilon, s > 0; shape (..., d).

    By the KKT conditions this is the Euclidean projection of v on {|delta| <= epsilon} within the box whenever
    |clip(v)| > epsilon (then s = 1/(1 + mu) < 1), the projection on the sphere within the box, and the maximiser
    of <delta, v> over both. |clip(s v)|^2 is piecewise quadratic in s with breakpoints bound_i / v_i, so s follows
    exactly from one sort, without iteration.

    If even the box's corner in v's orthant is shorter than epsilon, the ray never reaches the sphere. That
    corner is then the maximiser over the ball; with `fill` (the sphere) coordinates are moved across zero, cheapest
    first, until the length is epsilon: a feasible point, not proven nearest.

    Parameters
    ----------
    v : Tensor (..., d)
    lower, upper : Tensor (d,)
        lower <= 0 <= upper.
    epsilon
        The length to reach.
    fill
        Whether the length must be reached even across zero.
    """
    # The ray is the same for every length of v; squares of its entries must neither overflow nor vanish.
    v = v / v.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(v.dtype).tiny)
    floor = 8 * torch.finfo(v.dtype).tiny ** 0.5
    v = torch.where(v != 0, torch.sign(v) * v.abs().clamp_min(floor), v)
    bound = torch.where(v > 0, upper, lower)
    s = torch.where(v != 0, bound / v, torch.inf)
    s_sorted, order = s.sort(dim=-1)
    fixed_sq = bound.square().gather(-1, order)
    moving_sq = v.square().gather(-1, order)
    moving_sum = moving_sq.flip(-1).cumsum(-1).flip(-1)
    fixed_sum = torch.where(torch.isfinite(s_sorted), fixed_sq, 0).cumsum(-1)
    before = torch.cat([torch.zeros_like(fixed_sum[..., :1]), fixed_sum[..., :-1]], -1)
    reached = torch.where(moving_sum > 0, before + s_sorted.square() * moving_sum, before)
    enough = (reached >= epsilon**2) & (moving_sum > 0)
    j = enough.to(torch.int8).argmax(-1, keepdim=True)
    scale = ((epsilon**2 - before.gather(-1, j)) / moving_sum.gather(-1, j)).clamp_min(0).sqrt()
    reachable = enough.any(-1, keepdim=True)
    corner = torch.where(v > 0, upper, torch.where(v < 0, lower, 0))
    point = torch.where(reachable, torch.clamp(scale * v, lower, upper), corner)
    if fill and not bool(reachable.all()):
        rows = point.reshape(-1, point.shape[-1])
        v_rows = v.expand(point.shape).reshape(rows.shape)
        for k in torch.nonzero(~reachable.reshape(-1)).flatten().tolist():
            rows[k] = _reach_across(v_rows[k], rows[k], lower, upper, epsilon)
        point = rows.reshape(point.shape)
    return point


def _reach_across(v: Tensor, corner: Tensor, lower: Tensor, upper: Tensor, epsilon: float) -> Tensor:
    """Lengthen `corner` to epsilon: coordinates cross to their far side, least loss of <delta, v> per gain first."""
    far = torch.where(upper.abs() > lower.abs(), upper, lower)
    point = corner.clone()
    free = far.square() > corner.square()
    while True:
        missing = epsilon**2 - point.square().sum()
        if missing <= 64 * torch.finfo(v.dtype).eps * epsilon**2 or not bool(free.any()):
            return point
        moved = torch.sign(far) * torch.minimum(far.square(), point.square() + missing).sqrt()
        gain = moved.square() - point.square()
        price = torch.where(free, (v * (point - moved)).clamp_min(0) / gain, torch.inf)
        cheapest = price.argmin()
        point[cheapest] = moved[cheapest]
        free[cheapest] = False


def clip_tangent(
    delta: Tensor, g: Tensor, lower: Tensor, upper: Tensor, on_sphere: Tensor, epsilon: float, *, signed: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Project g on the tangent cone of (sphere and box) at delta.

    With the active faces A and, on the sphere, the multiplier lambda that minimises |t(lambda)|,
    t_i = g_i - lambda delta_i, cut to min(t_i, 0) on an upper and max(t_i, 0) on a lower face. The minimum
    over lambda (>= 0 unless `signed`) of this piecewise quadratic is found by Newton steps.

    Returns
    -------
    tangent : Tensor (..., d)
        t, zero iff delta is stationary.
    active : bool Tensor (..., d)
        Faces that hold delta against g: at a bound, with g - lambda delta pointing out of the box.
    multiplier : Tensor (...,)
        lambda, 0 off the sphere.
    """
    tolerance, tiny = 64 * torch.finfo(delta.dtype).eps * epsilon, torch.finfo(delta.dtype).tiny
    at_upper, at_lower = delta >= upper - tolerance, delta <= lower + tolerance
    sphere = on_sphere.to(delta.device).unsqueeze(-1)

    def split(lagrange: Tensor) -> tuple[Tensor, Tensor]:
        t = g - lagrange * delta
        active = (at_upper & (t > 0)) | (at_lower & (t < 0))
        return torch.where(active, 0, t), active

    lagrange = torch.zeros_like(delta[..., :1])
    if bool(sphere.any()):
        # The cut vector is piecewise linear and monotone in lambda: Newton ends after a few steps.
        for _ in range(50):
            t, active = split(lagrange)
            free_sq = torch.where(active, 0, delta.square()).sum(-1, keepdim=True)
            change = torch.where(free_sq > 0, (delta * t).sum(-1, keepdim=True) / free_sq.clamp_min(tiny), 0)
            update = lagrange + torch.where(sphere, change, 0)
            if not signed:
                update = update.clamp_min(0)
            if bool((update == lagrange).all()):
                break
            lagrange = update
    tangent, active = split(lagrange)
    return tangent, active, lagrange.squeeze(-1)
