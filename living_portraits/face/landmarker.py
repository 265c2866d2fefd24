"""MediaPipe's FaceLandmarker: frame -> points. MediaPipe is imported here and nowhere else, on first use."""

import contextlib
import ctypes
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float32

from living_portraits import weights
from living_portraits.engine import Frame
from living_portraits.face.model import Face
from living_portraits.mediapipe_tasks import ended, explained, started

MOST_FACES = 8

# Following one face, MediaPipe smooths it by the time between frames, which shortens blinks. Frames that it believes
# to be a quarter of an hour apart are not smoothed: they still start from the face before, which calms and saves time.
_APART = 1_000_000  # ms


class Landmarker:
    """Finds faces in single pictures or, in time, in the frames of a clip. Use it in a `with` block.

    Args:
        confidence: in (0, 1); how sure the detector and the mesh network must each be.
        video: look for one face where it was in the frame before, instead of looking at every frame afresh.

    Raises:
        SystemLibraryError: the system lacks the graphics libraries that MediaPipe links.
        WeightsError: its model file is missing or damaged.
    """

    def __init__(self, confidence: float = 0.5, *, video: bool = False) -> None:
        with explained():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
            from mediapipe.tasks.python.vision.face_landmarker import MpFaceLandmarkerResultC

        mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(weights.path("face_landmarker"))),
            running_mode=mode,
            num_faces=1 if video else MOST_FACES,
            min_face_detection_confidence=confidence,
            min_face_presence_confidence=confidence,
            min_tracking_confidence=confidence,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._mediapipe: Any = mediapipe
        self._result: Any = MpFaceLandmarkerResultC
        self._clock = 0 if video else None
        with explained():
            self._task: Any = started(lambda: vision.FaceLandmarker.create_from_options(options))

    def __enter__(self) -> "Landmarker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended(self._task)

    def detect(self, frame: Frame, *, found_by: str = "plain") -> list[Face]:
        """Faces in one frame, in no order; points in its pixels."""
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame, dtype=np.uint8)
        )
        height, width = frame.shape[:2]
        unit = np.array([width, height, width], dtype=np.float32)  # z is given in widths of the picture, as x is
        with self._looked_at(image) as result:
            return [
                Face(
                    points=_columns(result.face_landmarks[number].landmarks, 478, "x", "y", "z") * unit,
                    blendshapes=_columns(result.face_blendshapes[number].categories, 52, "score")[:, 0],
                    head=np.asarray(result.facial_transformation_matrixes[number].to_numpy(), dtype=np.float32),
                    found_by=found_by,
                )
                for number in range(result.face_landmarks_count)
            ]

    @contextlib.contextmanager
    def _looked_at(self, image: Any) -> Iterator[Any]:
        """What MediaPipe sees, in its own memory.

        Its public methods make a Python object of each of 478 points, which takes 2 to 3 ms a frame; so the call that
        they wrap is made here. A test holds both to the same numbers.
        """
        task, result = self._task, self._result()
        # Whoever is interrupted here leaves MediaPipe's own thread at work on both.
        self._at_work = image, result
        if self._clock is None:
            task._lib.MpFaceLandmarkerDetectImage(task._handle, image._image_ptr, None, ctypes.byref(result))
        else:
            self._clock += _APART
            task._lib.MpFaceLandmarkerDetectForVideo(
                task._handle, image._image_ptr, None, self._clock, ctypes.byref(result)
            )
        try:
            yield result
        finally:
            task._lib.MpFaceLandmarkerCloseResult(ctypes.byref(result))


def _columns(rows: Any, count: int, *names: str) -> Float32[np.ndarray, "rows fields"]:
    """Fields of the C structures that `rows` points at, all of them single-precision numbers, copied."""
    row = rows._type_
    words = ctypes.cast(rows, ctypes.POINTER(ctypes.c_float))
    numbers = np.ctypeslib.as_array(words, (count, ctypes.sizeof(row) // ctypes.sizeof(ctypes.c_float)))
    return numbers[:, [getattr(row, name).offset // ctypes.sizeof(ctypes.c_float) for name in names]]


class Landmarkers:
    """Landmarkers by what they demand, each loaded when first asked for. A `with` block closes them all."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[float, bool], Landmarker] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Landmarkers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loaded.clear()
        self._stack.close()

    def at(self, confidence: float, *, video: bool = False) -> Landmarker:
        """The landmarker of this confidence."""
        key = confidence, video
        if key not in self._loaded:
            self._loaded[key] = self._stack.enter_context(Landmarker(confidence, video=video))
        return self._loaded[key]
