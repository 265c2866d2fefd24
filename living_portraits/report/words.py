"""A card's numbers and circumstances in words, the same in Markdown and on the page."""

import math

from living_portraits.evaluate.card import Card
from living_portraits.evaluate.figures import Figure
from living_portraits.evaluate.trials import Kind

TITLES: dict[Kind, str] = {
    "self": "Self-reenactment: the first frame of a clip, moved by the clip itself",
    "cross": "Cross-reenactment: a portrait, moved by somebody else",
}

CAUTION = (
    "No figure stands alone: a film that never moves keeps its identity perfectly, and a mesh that is driven by "
    "landmarks wins landmark distances by construction. Read each against still and puppet."
)


def value(card: Card, kind: Kind, engine: str, figure: Figure) -> str:
    """Mean and standard error, or a dash."""
    summary = card.summary(kind, engine, figure.key)
    if not summary.trials:
        return "–"
    if figure.key == "fps" and summary.mean >= 1000:
        return "over 1000"
    error = "" if math.isnan(summary.error) else f" ± {summary.error:.{figure.digits}f}"
    return f"{summary.mean:.{figure.digits}f}{error}"


def counted(card: Card, kind: Kind, figure: Figure) -> str:
    """The backbone, and how many trials and frames each engine's mean was taken from; or why there is none."""
    if figure.key in card.absent:
        return f"not measured: {card.absent[figure.key]}"
    found = {(one.trials, one.frames) for one in (card.summary(kind, engine, figure.key) for engine in card.engines)}
    if found == {(0, 0)}:
        return "not measured"
    numbers = " or ".join(
        _number(trials, frames, pooled=figure.key == "frechet_vgg") for trials, frames in sorted(found)
    )
    return f"{figure.backbone or 'arithmetic'}; {numbers}"


def circumstances(card: Card) -> list[str]:
    """One sentence a line."""
    about = card.about
    sources = ", ".join(f"{count} {name}" for name, count in about["cross_sources"].items())
    lines = [
        f"Split {about['split']}, engines at {about['size']} px, judged at {about['judged_at']} px.",
        f"Self: {_some(len(card.trials['self']), 'clip')} of {_some(about['self_people'], 'person', 'people')}; "
        "frame 0 is given and does not count in comparisons with the truth.",
        f"Cross: {_some(len(card.trials['cross']), 'pair')}, drivers of "
        f"{_some(about['cross_driving_people'], 'person', 'people')}; "
        f"sources: {sources or 'none'}. Motion is measured from the driver's calmest frame.",
        f"Sources of which more than {about['made_up_at_most']:.0%} lies beyond the footage's edges are left out.",
        f"At most {about['frames_at_most']} frames of each clip; networks look at {about['frames_for_networks']} of "
        "them, spread evenly.",
        "A cell is the mean over trials and its standard error.",
        f"{about['machine']}, PyTorch {about['torch']} with {about['threads']} threads.",
    ]
    if about["skipped"]:
        names = ", ".join(about["skipped"])
        lines.append(f"Skipped, as the tracker cannot read the source or the driver's neutral frame: {names}.")
    return lines


def goal(figure: Figure) -> str:
    """What a perfect film would score."""
    return {"high": "higher", "low": "lower"}.get(figure.best, figure.best)


def _number(trials: int, frames: int, *, pooled: bool) -> str:
    return f"{frames} frames at once" if pooled else f"{_some(trials, 'trial')}, {frames} frames"


def _some(number: int, one: str, more: str | None = None) -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
