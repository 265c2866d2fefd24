"""Where the portrait is shown: a window, a film, a camera that other programs see; the browser's is in `mjpeg`."""

import importlib.util
import os
import re
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import cv2

from living_portraits import provenance, video
from living_portraits.engine import Frame
from living_portraits.errors import OptionError, OutputError
from living_portraits.live.wishes import Wishes

TITLE = "Living Portraits (r: neutral face, q: end)"

_TALLEST = 800  # px of a window at first: what any screen has room for
_PAUSE = 1.0  # s; a longer one is not filmed


@runtime_checkable
class Sink(Protocol):
    """Shows one frame after the other; to be used in a `with` block."""

    def __enter__(self) -> "Sink": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, frame: Frame) -> None:
        """Returns when the frame can be seen."""
        ...


class Window:
    """A window on this screen. Raises OptionError where there is no screen, or an OpenCV without windows."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or not sys.platform.startswith("linux")
        if not screen:
            raise OptionError("There is no screen here to open a window on; look into it with a browser: --to mjpeg.")
        if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
            raise OptionError("This OpenCV was built without windows; look into it with a browser: --to mjpeg.")
        self._fits = False

    def __enter__(self) -> "Window":
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # about fonts that nobody needs
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise OptionError(
                f"No window can be opened here ({error.err}); look with a browser: --to mjpeg."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()

    def show(self, frame: Frame) -> None:
        if not self._fits:  # from then on as large as it is drawn
            height, width = frame.shape[:2]
            zoom = min(1.0, _TALLEST / height)
            cv2.resizeWindow(TITLE, round(zoom * width), round(zoom * height))
            self._fits = True
        cv2.imshow(TITLE, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        key = cv2.pollKey() & 0xFF  # also lets the window draw itself
        if key != 0xFF:
            self._wishes.hear(chr(key))
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            self._wishes.stop.set()


class Film:
    """A film, signed as all films here; a frame lasts until the next one was shown."""

    def __init__(self, path: Path, shape: tuple[int, int], fps: float, claim: provenance.Claim) -> None:
        self._fps = fps
        self._last: tuple[Frame, float] | None = None
        self._owed = 0.0
        self._film = video.Film(
            path,
            height=shape[0],
            width=shape[1],
            fps=fps,
            metadata=provenance.metadata(claim),
            seal=lambda made: provenance.sign(made, claim, title=path.name),
        )

    def __enter__(self) -> "Film":
        self._film.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None and kind is None:
            self._film.write(self._last[0])
        self._film.__exit__(kind, error, trace)

    def show(self, frame: Frame) -> None:
        now = time.perf_counter()
        if self._last is not None:
            shown, since = self._last
            self._owed += min(now - since, _PAUSE) * self._fps
            while self._owed >= 0.5:
                self._film.write(shown)
                self._owed -= 1
        self._last = frame, now


class VirtualCamera:
    """A camera that video calls can choose. Raises OptionError where pyvirtualcam or its driver is missing."""

    def __init__(self, shape: tuple[int, int], fps: float) -> None:
        if importlib.util.find_spec("pyvirtualcam") is None:
            raise OptionError("A virtual camera needs pyvirtualcam: pip install 'living-portraits[virtual-camera]'.")
        self._shape, self._fps = shape, fps
        self._camera: Any = None

    def __enter__(self) -> "VirtualCamera":
        import pyvirtualcam

        try:
            self._camera = pyvirtualcam.Camera(width=self._shape[1], height=self._shape[0], fps=self._fps)
        except RuntimeError as error:
            raise OutputError(
                f"No virtual camera can be opened here; on Linux it takes the module v4l2loopback ({error})."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._camera is not None:
            self._camera.close()

    def show(self, frame: Frame) -> None:
        self._camera.send(frame)
