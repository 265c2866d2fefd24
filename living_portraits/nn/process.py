"""What this process does: known before PyTorch is loaded, and what `runtime.choose` goes by."""

_trains = True


def makes_films_alone() -> None:
    """Tells that this process trains nothing, which opens OpenVINO to whoever asks for no runtime.

    A process that has run `RepairNet` in OpenVINO 2026.4 crashes when PyTorch 2.13 trains in it afterwards. Using
    networks side by side was never seen to fail.
    """
    global _trains
    _trains = False


def may_train() -> bool:
    """Whether it might; so unless somebody knows better."""
    return _trains
