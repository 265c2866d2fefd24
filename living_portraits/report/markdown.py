"""The card as Markdown tables."""

from living_portraits.evaluate.card import Card
from living_portraits.report.words import CAUTION, TITLES, circumstances, counted, goal, value


def markdown(card: Card) -> str:
    """A table for each kind of trial: a row a figure, a column an engine."""
    lines = ["# Report card: " + ", ".join(card.engines), "", CAUTION, ""]
    lines += [f"- {line}" for line in circumstances(card)]
    for kind, names in card.trials.items():
        if not names:
            continue
        head = ["Figure", "Goal", *card.engines, "Measured with"]
        lines += ["", f"## {TITLES[kind]}", "", _row(head), _row(["---"] * len(head))]
        for figure in card.figures(kind):
            cells = [value(card, kind, engine, figure) for engine in card.engines]
            title = f"{figure.title}, {figure.unit}" if figure.unit else figure.title
            lines.append(_row([title, goal(figure), *cells, counted(card, kind, figure)]))
    lines += ["", "## What they mean", ""]
    figures = {figure.key: figure for kind in card.trials for figure in card.figures(kind)}
    lines += [f"- **{figure.title}**: {figure.meaning}." for figure in figures.values()]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
