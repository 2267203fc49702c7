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
    of <delta, v> over both. In q = s^2 the square of its length, sum_i min(q v_i^2, bound_i^2), is concave and
    piecewise linear: Newton's iterates rise from below and end, after a few, at the root itself.

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
    tiny, huge = torch.finfo(v.dtype).tiny, torch.finfo(v.dtype).max
    v = v / v.abs().amax(-1, keepdim=True).clamp_min(tiny)
    v = v.sign() * v.abs().clamp_min(8 * tiny**0.5)
    # Faces beyond epsilon are never reached.
    corner = torch.clamp(epsilon * v.sign(), lower, upper)
    moving, fixed = v.square(), corner.square()
    # As numbers in memory that is there already: torch.where and new blocks take ten times as long.
    scaled, mask = torch.empty_like(v), torch.empty_like(v)
    q = epsilon**2 / moving.sum(-1, keepdim=True)
    while True:
        torch.mul(moving, q, out=scaled)
        left = epsilon**2 - torch.ge(scaled, fixed, out=mask).mul_(fixed).sum(-1, keepdim=True)
        higher = left / torch.lt(scaled, fixed, out=mask).mul_(moving).sum(-1, keepdim=True)
        rises = higher > q
        if not bool(rises.any()):
            break
        q = torch.where(rises, higher, q)
    reachable = fixed.sum(-1, keepdim=True) >= epsilon**2
    scale = torch.where(reachable, q.sqrt(), huge).clamp_max(huge)
    point = torch.clamp(scale * v, lower, upper)
    if not fill or bool(reachable.all()):
        return point
    return torch.where(reachable, point, _reach_across(v, point, lower, upper, epsilon))


def _reach_across(v: Tensor, point: Tensor, lower: Tensor, upper: Tensor, epsilon: float) -> Tensor:
    """Points (..., d), of at most the length epsilon, lengthened to it.

    Coordinates cross to their far side, least loss of <delta, v> per gain in |delta|^2 first, the last one part of the
    way.
    """
    far = torch.where(upper.abs() > lower.abs(), upper, lower)
    gain = (far.square() - point.square()).clamp_min(0)
    price = torch.where(gain > 0, (v * (point - far)).clamp_min(0) / gain, torch.inf)
    order = price.argsort(stable=True, dim=-1)
    missing = epsilon**2 - point.square().sum(-1, keepdim=True)
    missing = torch.where(missing <= 64 * torch.finfo(v.dtype).eps * epsilon**2, 0, missing)
    ordered = gain.gather(-1, order)
    taken = torch.minimum((missing - (ordered.cumsum(-1) - ordered)).clamp_min(0), ordered)
    taken = torch.zeros_like(gain).scatter(-1, order, taken)
    crossed = torch.sign(far) * (point.square() + taken).sqrt()
    return torch.where(taken > 0, crossed, point)


def clip_tangent(
    delta: Tensor, g: Tensor, lower: Tensor, upper: Tensor, on_sphere: Tensor, epsilon: float, *, signed: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Project g on the tangent cone of (sphere and box) at delta.

    With the active faces A and, on the sphere, the multiplier lambda that minimises |t(lambda)|,
    t_i = g_i - lambda delta_i, cut to min(t_i, 0) on an upper and max(t_i, 0) on a lower face. The minimum
    over lambda (>= 0 unless `signed`) of this piecewise quadratic is found by Newton steps, which end at it: from the
    second one on lambda falls, and holds more and more coordinates at their faces.

    Returns
    -------
    tangent : Tensor (..., d)
        t, zero iff delta is stationary.
    active : bool Tensor (..., d)
        Faces that hold delta against g: at a bound, with g - lambda delta pointing out of the box.
    multiplier : Tensor (...,)
        lambda, 0 off the sphere.
    """
    tolerance = 64 * torch.finfo(delta.dtype).eps * epsilon
    at_upper, at_lower = delta >= upper - tolerance, delta <= lower + tolerance
    sphere = on_sphere.to(delta.device).unsqueeze(-1)
    lagrange = torch.zeros_like(delta[..., :1])
    if bool(sphere.any()):
        # A face lets go of its coordinate from this lambda on; the other coordinates are free from the start.
        faces, release = (at_upper | at_lower).to(delta), g / delta
        along, square, mask = delta * g, delta.square(), torch.empty_like(faces)
        inside = [((1 - faces) * part).sum(-1, keepdim=True) for part in (along, square)]
        along, square, ceiling = along.mul_(faces), square.mul_(faces), torch.full_like(lagrange, torch.inf)
        while True:
            free, free_sq = (
                within + torch.le(release, lagrange, out=mask).mul_(part).sum(-1, keepdim=True)
                for within, part in zip(inside, (along, square), strict=True)
            )
            update = torch.minimum(torch.where(free_sq > 0, free / free_sq, lagrange), ceiling)
            if not bool((update < ceiling).any()):
                break
            ceiling = lagrange = update
        lagrange = torch.where(sphere, lagrange if signed else lagrange.clamp_min(0), 0)
    t = g - lagrange * delta
    active = (at_upper & (t > 0)) | (at_lower & (t < 0))
    return torch.where(active, 0, t), active, lagrange.squeeze(-1)
