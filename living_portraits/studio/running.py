"""Run, Stop, the stage, and what comes of it: the half of a tab where films are made."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits.studio import components, views
from living_portraits.studio.converting import FORMS, convert
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.order import Order, take_order
from living_portraits.studio.production import Production, produce
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Spoken, Wording
from living_portraits.studio.words import say

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Events that scripts don't see."""

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "film", "concurrency_limit": 1}
"""Films wait for each other: two at once would each take twice as long."""


@dataclass(frozen=True)
class Studio:
    """What all tabs share.

    Attributes:
        root: where users' files lie.
        limits: what one user may ask for.
        engine_list: what there is to choose from.
    """

    root: Path
    limits: Limits
    engine_list: EngineList


def wire_run_and_stop(
    run: Any,
    stop: Any,
    stage: Any,
    *,
    work: Callable[..., Iterator[dict[Any, Any]]],
    inputs: Mapping[str, Any],
    spoken: Any,
    outputs: Sequence[Any],
    stopped: str,
    turn: Mapping[str, Any],
    made: Any = None,
    card: Any = None,
) -> None:
    """The events of the buttons Run and Stop.

    Args:
        work: yields updates of the stage and `outputs`; takes `spoken`, too.
        inputs: the controls by `work`'s argument names; "language" is one.
        spoken: the state with the language of each moment.
        stopped: key of the sentence on the stage after Stop.
        turn: how `work` waits for its turn.
        made, card: what `work` keeps of its films once they are done, and where their figures will stand; whoever
            stops it then ends the measuring alone.
    """
    # Stop is there at once, also for those who stand in the queue.
    running = run.click(
        lambda: [gr.update(interactive=False), gr.update(visible=True)], None, [run, stop], queue=False, **PRIVATE
    ).then(
        guarded(work, stage), inputs_kwargs={**inputs, "spoken": spoken}, outputs=[stage, *outputs],
        show_progress="full", show_progress_on=[stage], api_visibility="private", **turn,
    )  # fmt: skip
    # Also where it was cancelled, and then not before that has come through: it would cancel the next run instead.
    # What fails before `work` begins, as a control that refuses its value, is no end for `then`.
    for ended in (running.then, running.failure):
        ended(
            lambda: [gr.update(interactive=True), gr.update(visible=False)], None, [run, stop], queue=False, **PRIVATE
        )

    def said(language: str, done: Production | None = None) -> list[Any]:
        if done is None:
            return [views.message(say(stopped, language)), gr.skip()][: len(told)]
        return [gr.skip(), gr.skip() if done.figures else _unmeasured(language)]

    asked, told = [inputs["language"], *_there(made)], [stage, *_there(card)]
    # Said twice: the browser doesn't wait for the end of what it cancels, whose last picture may come after the first.
    stop.click(
        lambda *given: [*said(*given), gr.update(visible=False)], asked, [*told, stop],
        cancels=[running], queue=False, **PRIVATE,
    ).then(said, asked, told, queue=False, **PRIVATE)  # fmt: skip


def _there(control: Any) -> list[Any]:
    return [] if control is None else [control]


def _unmeasured(language: str) -> str:
    """What the card says of films that have no figures."""
    return views.message(say("card.unmeasured", language))


def guarded(work: Callable[..., Iterator[dict[Any, Any]]], stage: Any) -> Callable[..., Iterator[dict[Any, Any]]]:
    """`work`, whose errors that nobody foresaw are logged, and said on the stage."""

    def run(**given: Any) -> Iterator[dict[Any, Any]]:
        try:
            yield from work(**given)
        except Exception:
            logging.getLogger(__name__).exception("A run ended with an error.")
            yield {stage: views.message(say("stage.failed", given["spoken"].language), "trouble")}

    return run


def refused(trouble: Trouble, language: str, notes: Mapping[str, Any], stage: Any, key: str) -> dict[Any, Any]:
    """The sentence beside its cause, and on the stage, or in the note above it, that nothing was made."""
    sentence = trouble.sentence(language)
    beside = notes.get(trouble.place)
    told = {} if beside is None else {beside: views.message(sentence, "trouble")}
    return told | {stage: views.message(say(key, language, sentence=sentence), "trouble")}


class Runner:
    """Builds its controls where the page is being built; `wire` brings them to life.

    Args:
        take: the order that the controls' values amount to; raises Trouble.
        closer: what is shown of the films above their figures, in a language.

    Attributes:
        made: the session's newest `Production`, for what can be done with it afterwards.
        files, results: the list of files, and the column that shows it once there are films.
    """

    def __init__(
        self,
        studio: Studio,
        wording: Wording,
        *,
        name: str,
        run_key: str,
        take: Callable[[Mapping[str, Any], Limits], Order] = take_order,
        closer: Callable[[Production, str], str] | None = None,
    ) -> None:
        self._studio, self._take, self._closer, self._spoken = studio, take, closer, wording.spoken
        with gr.Row():
            self._run = wording.put(
                gr.Button, {"value": run_key}, variant="primary", size="lg", elem_id=f"{name}-run", scale=3
            )
            self._stop = wording.put(
                gr.Button, {"value": "stop"}, variant="stop", size="lg", visible=False, elem_id=f"{name}-stop", scale=1
            )
        self._note = components.note(elem_id=f"{name}-run-note")
        self._stage = wording.remember(components.stage(elem_id=f"{name}-stage"), empty=views.empty)
        with gr.Column(visible=False, elem_id=f"{name}-results") as self.results:
            self._close = gr.HTML(elem_id=f"{name}-close", apply_default_css=False, visible=closer is not None)
            with wording.put(gr.Accordion, {"label": "card"}, open=True):
                self._card = gr.HTML(elem_id=f"{name}-card", apply_default_css=False)
            self.files = wording.put(
                gr.File, {"label": "files"}, file_count="multiple", interactive=False, elem_id=f"{name}-files"
            )
        self.made = gr.State(None)

    def wire(self, inputs: Mapping[str, Any], notes: Mapping[str, Any], *, endpoint: str, description: str) -> None:
        """The events of Run and Stop, and the endpoint for scripts.

        Args:
            inputs: what `take_order` reads, and "language".
            notes: what shows a sentence, by `Trouble`'s places.
        """

        def film(spoken: Spoken, **given: Any) -> Iterator[dict[Any, Any]]:
            yield from self._film(given, spoken, notes)

        outputs = [self._note, self._close, self._card, self.files, self.results, self.made, *notes.values()]
        wire_run_and_stop(
            self._run, self._stop, self._stage, work=film, inputs=inputs, spoken=self._spoken, outputs=outputs,
            stopped="stage.stopped", turn=ONE_AT_A_TIME, made=self.made, card=self._card,
        )  # fmt: skip
        shown = [self._stage, self._close, self._card]
        inputs["language"].change(self._redrawn, [self.made, inputs["language"]], shown, **PRIVATE)
        said = [self._note, *(note for place, note in notes.items() if place != "source")]
        inputs["language"].change(lambda: [""] * len(said), None, said, queue=False, **PRIVATE)
        self._endpoint(inputs, endpoint, description)

    def _film(self, given: Mapping[str, Any], spoken: Spoken, notes: Mapping[str, Any]) -> Iterator[dict[Any, Any]]:
        """What the page shows, from the click to the figures."""
        quiet = {note: "" for place, note in notes.items() if place != "source"}  # what was seen there still holds
        quiet[self._note] = ""
        try:
            order = self._take(given, self._studio.limits)
        except Trouble as trouble:  # the films of before stay
            yield quiet | refused(trouble, spoken.language, notes, self._note, "stage.refused")
            return
        yield quiet | {self.results: gr.update(visible=False), self.made: None}
        state = None
        try:
            for state in self._produce(order):
                yield self._shown(state, spoken.language)
        except Trouble as trouble:
            yield refused(trouble, spoken.language, notes, self._stage, "stage.refused")
        if state is not None and state.files and not state.figures:
            yield {self._card: _unmeasured(spoken.language)}

    def _redrawn(self, made: Production | None, language: str) -> list[Any]:
        """Stage, what stands below it, and card in another language; films in the making go on in it by themselves."""
        if made is None:
            return ["", gr.skip(), gr.skip()]
        shown = self._shown(replace(made, figures=()), language)
        card = self._shown(made, language)[self._card] if made.figures else _unmeasured(language)
        return [shown[self._stage], shown[self._close], card]

    def _produce(self, order: Order) -> Iterator[Production]:
        return produce(order, self._studio.root, self._studio.engine_list)

    def _shown(self, state: Production, language: str) -> dict[Any, Any]:
        if not state.files:
            return {self._stage: views.stage(state.shots, language)}
        if not state.figures:
            return {
                self._stage: views.films(state.shots, state.order.source, language),
                self.files: [str(file) for file in state.files],
                self.results: gr.update(visible=True),
                self._close: self._closer(state, language) if self._closer else "",
                self._card: views.message(say("card.measuring", language)),
                self.made: state,
            }
        names = [views.name_of(shot, language) for shot in state.shots]
        return {self._card: views.card(list(zip(names, state.figures, strict=True)), language), self.made: state}

    def _endpoint(self, inputs: Mapping[str, Any], name: str, description: str) -> None:
        """The same for scripts: files and figures instead of a page, and other forms of the films at once."""
        also = gr.CheckboxGroup(list(FORMS), value=[], visible=False, label="also")
        files = gr.File(visible=False, file_count="multiple", label="files")
        report = gr.JSON(visible=False, label="report")

        # What a script may leave out must have its default here; all else has one in its control.
        def work(
            source: Any = None,
            clips: Any = None,
            recording: Any = None,
            points: Any = None,
            sound_file: Any = None,
            **given: Any,
        ) -> Iterator[tuple[list[str], dict[str, Any]]]:
            given |= {"source": source, "clips": clips, "recording": recording}
            given |= {"points": points, "sound_file": sound_file}
            try:
                for state in self._produce(self._take(given, self._studio.limits)):
                    yield [str(file) for file in state.files], state.report()
                more = [convert(shot, state.order, form) for shot in state.shots for form in given["also"]]
                yield [str(file) for file in (*state.files, *more)], state.report()
            except Trouble as trouble:
                raise gr.Error(trouble.sentence(given["language"]), print_exception=False) from trouble

        gr.Button(visible=False).click(
            work, inputs_kwargs={**inputs, "also": also}, outputs=[files, report], api_name=name,
            api_description=description, **ONE_AT_A_TIME,
        )  # fmt: skip
