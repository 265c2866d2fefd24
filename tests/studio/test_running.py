"""Run and Stop: what they say, and that they can be pressed again."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits.studio.running import guarded
from living_portraits.studio.wording import Spoken


def test_an_error_that_nobody_foresaw_is_logged_and_said(caplog: pytest.LogCaptureFixture) -> None:
    def broken(spoken: Spoken) -> Iterator[dict[Any, Any]]:
        yield {"stage": "begun"}
        raise KeyError("unforeseen")

    first, last = guarded(broken, "stage")(spoken=Spoken("it"))
    assert first["stage"] == "begun" and "Qualcosa" in last["stage"]
    assert "unforeseen" in caplog.text
