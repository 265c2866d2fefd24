"""What the page shows of a lesson: HTML from values, every text escaped."""

import html
from collections.abc import Sequence

from living_portraits.studio.dance_film import Schooling
from living_portraits.studio.views import message, notices, picture_data
from living_portraits.studio.words import say

PREVIEW_HEIGHT = 480
_WIDTH, _HEIGHT, _MARGIN = 300, 70, 6  # of the curve, in its own unit


def schooling(state: Schooling, language: str) -> str:
    """A preview, a bar, the falling error as a curve, and words."""
    share = round(100 * state.share)
    words = say(f"teach.stage.{state.stage}", language, **({"name": state.name} if state.stage == "done" else {}))
    parts = []
    if state.preview is not None:
        alt = html.escape(say("teach.preview", language))
        data = picture_data(state.preview, height=PREVIEW_HEIGHT)
        parts.append(f'<img class="lp-preview" alt="{alt}" title="{alt}" src="{data}">')
    parts.append(
        f'<div class="lp-bar" role="progressbar" aria-label="{html.escape(state.name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share}"><span style="width:{share}%"></span></div>'
        f"<figcaption><b>{html.escape(state.name)}</b><span>{html.escape(words)}</span></figcaption>"
    )
    parts.append(notices(state.notices, language))
    if state.errors:
        parts.append(curve(state.errors) + message(say("teach.error", language, error=f"{state.errors[-1]:.3f}")))
    return (
        f'<div class="lp-films" data-count="1"><figure class="lp-lesson" data-stage="{state.stage}">'
        f"{''.join(parts)}</figure></div>"
    )


def curve(errors: Sequence[float]) -> str:
    """The errors from left to right; the axis begins at 0."""
    most = max(*errors, 1e-9) if len(errors) > 1 else max(errors[0], 1e-9)
    step = (_WIDTH - 2 * _MARGIN) / max(len(errors) - 1, 1)
    points = [
        (_MARGIN + number * step, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * error / most)
        for number, error in enumerate(errors)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<svg class="lp-curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" preserveAspectRatio="none">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
    )
