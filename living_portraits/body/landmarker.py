"""MediaPipe's PoseLandmarker: frame -> body points. Imported on first use."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from living_portraits import weights
from living_portraits.engine import Frame
from living_portraits.mediapipe_tasks import ended, explained, hushed, started
from living_portraits.skeleton import BodyPoints

MOST_BODIES = 4

# As with faces: frames that MediaPipe believes to be far apart are not smoothed by it. That is done later, from both
# sides, without delay.
_APART = 1_000_000  # ms


@dataclass(frozen=True, eq=False)
class Body:
    """One person in one frame.

    Attributes:
        points: `[33, 3]`, see `skeleton.BodyPoints`; points outside the frame are guesses.
    """

    points: BodyPoints

    @property
    def height(self) -> float:
        """Of the box around all points, px."""
        return float(np.ptp(self.points[:, 1]))


class BodyLandmarker:
    """Finds people in single pictures or, in time, one person in the frames of a clip. Use it in a `with` block.

    Args:
        confidence: in (0, 1); how sure detector and landmark network must each be.
        video: look for one person where they were in the frame before.

    Raises:
        SystemLibraryError: the system lacks the graphics libraries that MediaPipe links.
        WeightsError: its model file is missing or damaged.
    """

    def __init__(self, confidence: float = 0.5, *, video: bool = False) -> None:
        with explained("Body tracking"):
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(weights.path("pose_landmarker"))),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_poses=1 if video else MOST_BODIES,
            min_pose_detection_confidence=confidence,
            min_pose_presence_confidence=confidence,
            min_tracking_confidence=confidence,
        )
        self._mediapipe: Any = mediapipe
        self._clock = 0 if video else None
        self._quiet = False
        with explained("Body tracking"):
            self._task: Any = started(lambda: vision.PoseLandmarker.create_from_options(options))

    def __enter__(self) -> "BodyLandmarker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended(self._task)

    def detect(self, frame: Frame) -> list[Body]:
        """People in one frame, the tallest first; points in its pixels."""
        # MediaPipe finds nobody in an array with gaps between its rows, and does not say so.
        data = np.ascontiguousarray(frame, dtype=np.uint8)
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=data)
        if self._quiet:
            result = self._look(image)
        else:
            with hushed():  # the first look tells the terminal of the graph's inner life
                result = self._look(image)
            self._quiet = True
        unit = np.array([frame.shape[1], frame.shape[0], 1], dtype=np.float32)
        found = [
            Body(np.array([(point.x, point.y, point.visibility) for point in landmarks], dtype=np.float32) * unit)
            for landmarks in result.pose_landmarks
        ]
        return sorted(found, key=lambda body: -body.height)

    def _look(self, image: Any) -> Any:
        if self._clock is None:
            return self._task.detect(image)
        self._clock += _APART
        return self._task.detect_for_video(image, self._clock)
