"""The kinds of files that dialogs offer, as Qt's dialogs want them."""

from __future__ import annotations

_IMAGES = "*.png *.jpg *.jpeg"
_ARRAYS = "*.npy *.npz *.csv"
_IDX = "*ubyte *ubyte.gz *.idx *.gz"
_WEIGHTS = "*.npz *.safetensors *.pt *.pth *.bin"
_DOCUMENTS = "*.toml *.npz *.parquet *.csv"
_ALL = "All files (*)"

INPUTS = f"Inputs ({_IMAGES} {_ARRAYS} {_IDX});;Images ({_IMAGES});;Arrays and tables ({_ARRAYS});;IDX ({_IDX});;{_ALL}"
WEIGHTS = f"Weights ({_WEIGHTS});;{_ALL}"
STARTS = f"Starts, one a row (*.npy *.npz);;{_ALL}"
EVERYTHING = ";;".join(
    (
        f"All that can be opened ({_DOCUMENTS} {_IMAGES} *.npy {_IDX} *.safetensors *.pt *.pth *.bin)",
        f"Experiments, recordings, sweeps and trainings ({_DOCUMENTS})",
        f"Inputs ({_IMAGES} {_ARRAYS} {_IDX})",
        f"Weights ({_WEIGHTS})",
        _ALL,
    )
)
_OF_SETTING = {"network.file": WEIGHTS, "input.file": INPUTS, "ascent.start_file": STARTS}


def kinds_of(key: str) -> str:
    """The kinds of files that a setting names."""
    return _OF_SETTING.get(key, _ALL)
