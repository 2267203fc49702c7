"""What can be taken out of the program, in which formats; and the writing of arrays and tables.

Every file is written whole or not at all. Restarts and iterates are counted from 0, as in a recording's arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui import __version__
from foadv_gui.lab.files import FileProblem, atomic_write
from foadv_gui.lab.recording import MEASURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.picture import SpectrumPicture
    from foadv_gui.lab.recording import Recording

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Export:
    """One thing that can be exported: its name on the command line, what it is in words, and what a file may hold."""

    what: str
    title: str
    help: str
    endings: dict[str, str]

    def check(self, path: str | Path) -> str:
        """The ending of a file's name; `FileProblem` if it is that of another kind."""
        ending = Path(path).suffix.lower()
        if ending not in self.endings:
            raise FileProblem(path, f"the name must end in {' or '.join(self.endings)}")
        return ending


EXPORTS = {
    entry.what: entry
    for entry in (
        Export(
            "adversary",
            "Adversary x + δ",
            "What the network sees at the cursor, x + δ of the focused path: as an array of d numbers, together with "
            "x, δ, the loss and the settings, or, for an image, as a picture; a PNG rounds each pixel to one of 256 "
            "steps of the box or of the image's range, so only .npy and .npz are exact.",
            {
                ".npy": "Array x + δ",
                ".npz": "Arrays x, δ and x + δ, loss and settings",
                ".png": "Image of x + δ, rounded to 8 bits",
            },
        ),
        Export(
            "perturbation",
            "Perturbation δ",
            "What was added to the clean input x at the cursor: as an array, or, for an image, as a picture in which "
            "mid-grey is 0 and black and white are its largest entry with either sign.",
            {".npy": "Array δ", ".png": "Image of δ, mid-grey is 0"},
        ),
        Export(
            "triptych",
            "x, δ and x + δ side by side",
            "The clean image x, its perturbation δ (mid-grey is 0) and the adversary x + δ, next to each other and "
            "enlarged, for a slide.",
            {".png": "Three images side by side"},
        ),
        Export(
            "weights",
            "Weights",
            "The network as it is used, with κ in its first layer: W and a (with biases b and c) of two layers, W1, "
            "b1, W2, … of more. Another experiment takes the file as network.file with network.weight_scale = 1.",
            {".npz": "NumPy arrays", ".safetensors": "safetensors"},
        ),
        Export(
            "slice",
            "Landscape on show",
            "The values on show as an array, with the basis that tells where each was taken: "
            "z = x + origin + α u + β v on a plane, z = x + ε c E on the globe and the map.",
            {".npz": "Values, grid and basis"},
        ),
        Export(
            "spectrum",
            "Spectrum",
            "The Hessian's eigenvalues μ at the cursor as a table in full precision, with the multiplier λ.",
            {".csv": "Eigenvalues"},
        ),
        Export(
            "traces",
            "Traces",
            "Loss, stationarity, alignment and radius of every path at every step as a table, one row for a step of a "
            "path.",
            {".csv": "Measures by step and path"},
        ),
        Export(
            "script",
            "Python script",
            "A short script that makes this run again, bit for bit on this machine, prints the verdict and shows where "
            "the adversary is.",
            {".py": "Python"},
        ),
        Export("toml", "Experiment file", "All settings as text, as Save writes them.", {".toml": "Experiment"}),
    )
}
"""By their names, in the order of menus."""

_TRACES = {
    "t": "the step, 0 for the start",
    "restart": "which path, counted from 0",
    "loss": "L(delta)",
    "value": "f(x + delta)",
    "grad_norm": "the length of grad L",
    "tangential": "tau, the share of grad L along the constraint set",
    "cosine": "the cosine of the angle between delta and grad L",
    "radius": "|delta| / epsilon",
    "fosc": "how much more loss a straight step within the set could gain to first order (Wang et al. 2019)",
}


@dataclass(frozen=True, eq=False)
class Adversary:
    """Restart k at the last kept iterate not after step t; `image_shape` is (height, width), or with 3, of an image."""

    recording: Recording
    t: int
    k: int
    image_shape: tuple[int, ...] | None = None

    @property
    def step(self) -> int:
        """The step of the iterate, which the memory budget may have thinned to one before t."""
        return int(self.recording.steps_kept[self.recording.kept_index(self.t)])

    @property
    def x(self) -> Floats:
        """The clean input (d,)."""
        return self.recording.x

    @property
    def delta(self) -> Floats:
        """The perturbation (d,), in float64 whatever the run's type."""
        return np.asarray(self.recording.delta[self.recording.kept_index(self.t), self.k], np.float64)

    @property
    def adversary(self) -> Floats:
        """What the network sees: x + delta (d,)."""
        return np.asarray(self.x + self.delta)


def save_adversary(path: Path, adversary: Adversary) -> None:
    """Write x + delta: the array (.npy), all that belongs to it (.npz), or, for an image, a picture (.png)."""
    ending = EXPORTS["adversary"].check(path)
    if ending == ".png":
        from foadv_gui.lab.export_image import save_adversary_image

        save_adversary_image(path, adversary)
        return
    if ending == ".npy":
        save_array(path, adversary.adversary)
        return
    recording, step = adversary.recording, adversary.step
    save_arrays(
        path,
        x=adversary.x,
        delta=adversary.delta,
        adversary=adversary.adversary,
        loss=recording.loss[step, adversary.k],
        value=recording.value[step, adversary.k],
        y=recording.y,
        epsilon=recording.epsilon,
        t=step,
        restart=adversary.k,
        config=recording.config,
    )


def save_perturbation(path: Path, adversary: Adversary) -> None:
    """Write delta: the array (.npy), or, for an image, a picture (.png)."""
    if EXPORTS["perturbation"].check(path) == ".npy":
        save_array(path, adversary.delta)
        return
    from foadv_gui.lab.export_image import save_perturbation_image

    save_perturbation_image(path, adversary)


def save_weights(path: Path, recording: Recording) -> None:
    """Write the arrays of a run's network, kappa in the first one, to an .npz or a .safetensors file."""
    weights = {name: np.ascontiguousarray(array) for name, array in recording.weights.items()}
    if not weights:
        raise FileProblem(path, "a module from Python keeps its weights to itself: save them where it is made")
    if EXPORTS["weights"].check(path) == ".npz":
        save_arrays(path, **weights)
        return
    from safetensors.numpy import save

    atomic_write(path, lambda stream: stream.write(save(weights)))


def save_spectrum(path: Path, spectrum: SpectrumPicture, recording: Recording) -> None:
    """Write eigenvalues to a .csv file: a row each, one for all exact zeros; what they are of in lines with "#".

    Every number is written with as many digits as it takes to read the same one back.
    """
    EXPORTS["spectrum"].check(path)
    if not (len(spectrum.eigenvalues) or spectrum.zeros):
        raise FileProblem(path, f"there is no spectrum to write: {spectrum.why_empty}")
    which = (
        "P H P along the surface of the constraint set" if spectrum.kind == "tangent" else "H, the Hessian of the loss"
    )
    facts = {
        "kind": f"{spectrum.kind}, the eigenvalues of {which}",
        "t": spectrum.t,
        "restart": f"{spectrum.k}, counted from 0",
        "multiplier": f"{spectrum.multiplier!r}, lambda: a strict maximum has all tangent eigenvalues below it",
        "dimension": spectrum.dimension,
        "exact": "all eigenvalues" if spectrum.exact else "only those at both ends, by Lanczos",
        "residual": repr(spectrum.residual),
    }
    rows = [(float(value), 1) for value in spectrum.eigenvalues]
    if spectrum.zeros:
        rows = sorted([*rows, (0.0, spectrum.zeros)])
    lines = [*_about("The spectrum of a Hessian", facts, recording), "eigenvalue,multiplicity"]
    lines += [f"{value!r},{count}" for value, count in rows]
    atomic_write(path, lambda stream: stream.write("".join(f"{line}\n" for line in lines).encode()))


def save_traces(path: Path, recording: Recording, k: int | None = None) -> None:
    """Write the measures of a run to a .csv file, a row for each step and restart; of restart k alone if it is given.

    The last step of all is that of the path that took longest.
    """
    EXPORTS["traces"].check(path)
    import polars  # takes a while; it writes a million rows in a second

    paths = np.arange(recording.restarts) if k is None else np.array([k])
    steps = np.arange(recording.steps + 1)
    table = {"t": np.repeat(steps, len(paths)), "restart": np.tile(paths, len(steps))}
    table |= {name: getattr(recording, name)[:, paths].ravel() for name in MEASURES}
    lines = _about("The measures of every step", _TRACES, recording)

    def write(stream: IO[bytes]) -> None:
        stream.write("".join(f"{line}\n" for line in lines).encode())
        polars.DataFrame(table).write_csv(stream)

    atomic_write(path, write)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array to an .npy file."""
    atomic_write(path, lambda stream: np.save(stream, array, allow_pickle=False))


def save_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays, numbers and texts to an .npz file that `numpy.load(allow_pickle=False)` opens."""
    named: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    atomic_write(path, lambda stream: np.savez(stream, allow_pickle=False, **named))


def _about(title: str, facts: dict[str, Any], recording: Recording) -> list[str]:
    """The lines before a table: what it is, and of which experiment."""
    told = [f"# {name}: {fact}" for name, fact in facts.items()]
    return [f"# {title}, by foadv {__version__}.", *told, f"# experiment: {recording.config}"]
