"""What the page shows of somebody who is being learned: HTML from values, every text escaped."""

import html

from living_portraits.engine import Frame
from living_portraits.studio.dance_views import curve
from living_portraits.studio.person_film import Learning
from living_portraits.studio.views import message, notices, picture_data
from living_portraits.studio.words import say

PREVIEW_HEIGHT = 256


def learning(state: Learning, language: str) -> str:
    """How they were drawn before the first step and are drawn now, a bar, the falling error as a curve, and words."""
    share = round(100 * state.share)
    words = say(f"person.stage.{state.stage}", language, **({"name": state.name} if state.stage == "done" else {}))
    parts = []
    if state.before is not None and state.now is not None:
        parts.append(f'<p class="lp-note">{html.escape(say("person.preview", language))}</p>')
        parts += [_row(state.before, "person.before", language), _row(state.now, _now(state), language)]
    parts.append(
        f'<div class="lp-bar" role="progressbar" aria-label="{html.escape(state.name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share}"><span style="width:{share}%"></span></div>'
        f"<figcaption><b>{html.escape(state.name)}</b><span>{html.escape(words)}</span></figcaption>"
    )
    parts.append(notices(state.notices, language))
    if state.errors:
        first, best = state.errors[0], min(state.errors)
        said = say("person.error", language, first=f"{first:.2f}", now=f"{state.errors[-1]:.2f}", best=f"{best:.2f}")
        parts.append(curve(state.errors) + message(said))
    return (
        f'<div class="lp-films" data-count="1"><figure class="lp-lesson" data-stage="{state.stage}">'
        f"{''.join(parts)}</figure></div>"
    )


def _now(state: Learning) -> str:
    return "person.after" if state.stage == "done" else "person.now"


def _row(frames: Frame, key: str, language: str) -> str:
    words = html.escape(say(key, language))
    data = picture_data(frames, height=PREVIEW_HEIGHT)
    return f'<div class="lp-row"><span>{words}</span><img alt="{words}" src="{data}"></div>'
