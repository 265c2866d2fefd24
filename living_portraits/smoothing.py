"""The One Euro filter: takes the tremble out of a signal at rest and lets it go when it moves.

Method: Casiez, Roussel and Vogel, "1 Euro filter: a simple speed-based low-pass filter for noisy input in
interactive systems", 2012.
"""

import math

import numpy as np
from jaxtyping import Float


class OneEuro:
    """Filters vectors that arrive one frame at a time.

    The speed that opens the filter is that of the vector along the last axis, so that x, y and z of a point are
    always delayed alike.

    Args:
        fps: frames a second.
        rest: cut-off in Hz for a signal at rest; lower is calmer.
        gain: Hz of cut-off for each unit a second of speed; higher lags less.
        patience: cut-off in Hz of the speed's own estimate.

    Attributes:
        fps: may be changed between frames that come slower or faster.
    """

    def __init__(self, *, fps: float, rest: float, gain: float, patience: float = 1.0) -> None:
        self.fps = fps
        self._rest = rest
        self._gain = gain
        self._patience = patience
        self._value: Float[np.ndarray, "*any"] | None = None
        self._velocity: Float[np.ndarray, "*any"] | None = None

    def __call__(self, value: Float[np.ndarray, "*any axes"]) -> Float[np.ndarray, "*any axes"]:
        """The filtered value of this frame; the first passes through."""
        if self._value is None or self._velocity is None:
            self._value, self._velocity = value, np.zeros_like(value)
            return value
        velocity = (value - self._value) * self.fps
        self._velocity = self._velocity + self._share(np.float64(self._patience)) * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        self._value = self._value + self._share(self._rest + self._gain * speed) * (value - self._value)
        return self._value

    def reset(self) -> None:
        """Forget the past: the next value passes through."""
        self._value = self._velocity = None

    def _share(self, cutoff: Float[np.ndarray, "*any"] | np.float64) -> Float[np.ndarray, "*any"] | np.float64:
        """How much of a new value a first-order low-pass lets in, in (0, 1)."""
        return 1 / (1 + self.fps / (2 * math.pi * cutoff))


def steadied(
    signal: Float[np.ndarray, "time *any axes"], *, fps: float, rest: float, gain: float, patience: float = 1.0
) -> Float[np.ndarray, "time *any axes"]:
    """A whole signal through the filter, forwards and backwards; the mean of both runs neither lags nor leads."""
    euro = OneEuro(fps=fps, rest=rest, gain=gain, patience=patience)
    runs = np.empty((len(signal), 2, *signal.shape[1:]))  # side by side, at half the cost of one after the other
    for number in range(len(signal)):
        runs[number] = euro(np.stack([signal[number], signal[-1 - number]]))
    return (runs[:, 0] + runs[::-1, 1]) / 2
