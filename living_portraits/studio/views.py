"""What the page shows of films: HTML from values, every text escaped."""

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from living_portraits import draw, samples
from living_portraits.engine import Frame
from living_portraits.studio.checking import Finding
from living_portraits.studio.figures import Figures
from living_portraits.studio.filming import Pixels, Shot
from living_portraits.studio.library_words import retold
from living_portraits.studio.words import known, say

PREVIEW_HEIGHT, THUMBNAIL_HEIGHT, EDITOR_HEIGHT = 360, 132, 720


def url(path: Path) -> str:
    """Where the page finds a file of its own, relative to the page so that it works behind a proxy as well."""
    return f"gradio_api/file={quote(str(path))}"


def picture_data(frame: Pixels, *, height: int, quality: int = 82) -> str:
    """A picture as a data URL, at most `height` px high: no file, no request. What is transparent is seen on grey."""
    if frame.shape[2] == 4:
        share = frame[..., 3:] / 255
        frame = np.rint(frame[..., :3] * share + 128 * (1 - share)).astype(np.uint8)
    small: Frame = draw.fit(frame, height=min(height, frame.shape[0]))
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def title_of(path: Path, language: str) -> str:
    """A sample's short title, or a file's name."""
    is_sample = path in (*samples.DRIVERS.values(), *samples.PORTRAITS.values(), *samples.DANCES.values())
    if is_sample and known(f"sample.{path.stem}"):
        return say(f"sample.{path.stem}", language)
    return path.name


def message(text: str, kind: str = "note") -> str:
    """A sentence beside what it is about; kind "trouble" is read out at once."""
    if not text:
        return ""
    role = "alert" if kind == "trouble" else "status"
    return f'<p class="lp-{kind}" role="{role}">{html.escape(text)}</p>'


def empty(language: str) -> str:
    """The stage before anything was made."""
    return f'<div class="lp-empty">{html.escape(say("stage.empty", language))}</div>'


def stage(shots: Sequence[Shot], language: str) -> str:
    """Films in the making: for each a preview, a bar, and words."""
    cards = "".join(_in_the_making(shot, language) for shot in shots)
    return f'<div class="lp-films" data-count="{len(shots)}">{cards}</div>'


def name_of(shot: Shot, language: str) -> str:
    """What tells a film from those beside it."""
    if shot.title:
        return say(shot.title, language) if known(shot.title) else shot.title
    return title_of(shot.driver, language)


def _in_the_making(shot: Shot, language: str) -> str:
    name = name_of(shot, language)
    words = say(f"stage.{shot.stage}", language)
    if shot.stage in ("track", "generate"):
        words += ": " + say("stage.frames", language, done=shot.done, total=shot.total)
    if shot.seconds_left is not None:
        words += ", " + say("stage.left", language, seconds=math.ceil(shot.seconds_left))
    # Reading the motion takes about a third of the time; the bar runs through both.
    share = {"waiting": 0.0, "done": 1.0}.get(shot.stage, min(shot.done / max(shot.total, 1), 1.0))
    share = {"track": share / 3, "generate": 1 / 3 + share * 2 / 3}.get(shot.stage, share)
    if shot.stage == "done":
        view = _video(shot.out, name, language)
    elif shot.frame is not None:
        view = f'<img class="lp-preview" alt="" src="{picture_data(shot.frame, height=PREVIEW_HEIGHT)}">'
    else:
        view = '<div class="lp-blank"></div>'
    bar = (
        f'<div class="lp-bar" role="progressbar" aria-label="{html.escape(name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{round(share * 100)}"><span style="width:{share * 100:.1f}%"></span></div>'
    )
    return (
        f'<figure data-stage="{shot.stage}">{view}{bar}<figcaption><b>{html.escape(name)}</b>'
        f"<span>{html.escape(words)}</span></figcaption></figure>"
    )


def _video(path: Path, name: str, language: str) -> str:
    return (
        f'<video class="lp-film" src="{url(path)}" controls loop autoplay muted playsinline '
        f'aria-label="{html.escape(name)}"></video>'
    )


def films(shots: Sequence[Shot], source: Path | None, language: str) -> str:
    """Finished films, which play in step; clips, and the portrait if there is one, can be shown beside them."""
    figures = [] if source is None else [_beside_portrait(source, language)]
    seen: set[Path] = set()
    for shot in shots:
        if shot.stage != "done":
            continue
        if shot.driver not in seen and shot.driver.suffix.lower() == ".mp4":
            seen.add(shot.driver)
            figures.append(_beside_clip(shot.driver, language))
        name = name_of(shot, language)
        link = (
            f'<a href="{url(shot.out)}" download="{html.escape(shot.out.name)}">'
            f"{html.escape(say('film.download', language))}</a>"
        )
        figures.append(
            f'<figure data-stage="done">{_video(shot.out, name, language)}'
            f"<figcaption><b>{html.escape(name)}</b>{link}</figcaption>{notices(shot.notices, language)}</figure>"
        )
    extras = len(seen) + (source is not None)
    count = len(figures) - extras
    words = html.escape(say("film.beside" if source is not None else "dance.film.beside", language))
    switch = f'<label class="lp-switch"><input type="checkbox" class="lp-beside">{words}</label>' if extras else ""
    clear = any(shot.out.suffix == ".webm" for shot in shots)
    note = f'<p class="lp-note">{html.escape(say("film.sign.clear" if clear else "film.sign", language))}</p>'
    return f'<div class="lp-films" data-count="{count}">{"".join(figures)}</div>{switch}{note}'


def notices(sentences: Sequence[str], language: str) -> str:
    """What else there is to say of a film or a lesson."""
    return "".join(message(retold(sentence, language) or sentence) for sentence in sentences)


def _beside_portrait(source: Path, language: str) -> str:
    words = html.escape(say("film.portrait", language))
    return f'<figure class="lp-extra"><img alt="{words}" src="{url(source)}"><figcaption>{words}</figcaption></figure>'


def _beside_clip(driver: Path, language: str) -> str:
    words = html.escape(f"{say('film.clip', language)}: {title_of(driver, language)}")
    return (
        f'<figure class="lp-extra"><video class="lp-film" src="{url(driver)}" loop muted playsinline '
        f'aria-label="{words}"></video><figcaption>{words}</figcaption></figure>'
    )


CARD_ROWS = ("fps", "motion", "mouth", "jitter", "missing", "identity")


def card(columns: Sequence[tuple[str, Figures]], language: str) -> str:
    """A table of figures, a column for each film."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name, _ in columns)
    rows = []
    for key in CARD_ROWS:
        cells = "".join(f"<td>{_number(getattr(figures, key), key, language)}</td>" for _, figures in columns)
        rows.append(f'<tr><th scope="row">{html.escape(say(f"card.{key}", language))}</th>{cells}</tr>')
    unknown = all(math.isnan(figures.identity) for _, figures in columns)
    note = message(say("card.identity.none", language)) if unknown else ""
    table = f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="lp-card"><table>{table}</table>{note}</div>'


def _number(value: float, key: str, language: str) -> str:
    if math.isnan(value):
        return f"<small>{html.escape(say('card.none', language))}</small>"
    if key == "missing":
        return f"{value:.0%}"
    return f"{value:.1f}" if key == "fps" else f"{value:.2f}"


def finding(found: Finding) -> str:
    """What a film says of itself."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in found.rows
    )
    headline = f'<p class="lp-verdict" data-verdict="{found.verdict}" role="status">{html.escape(found.headline)}</p>'
    return f'<div class="lp-card">{headline}<table><tbody>{rows}</tbody></table></div>'
