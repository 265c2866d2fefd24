"""The benchmark: figures that belong together, engines side by side, and sentences for what cannot be measured."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from living_portraits import bench as benches
from living_portraits.bench import Figures, Machine, probe, rounds
from living_portraits.bench.figures import STAGES, as_data, cost, middle, share, table
from living_portraits.cli import main
from living_portraits.errors import LivingPortraitsError, OptionError

FIGURES = Figures(
    engine="puppet",
    size=512,
    runtime="",
    load=0.5,
    first_frame=1.0,
    fps=20.0,
    cpu=60.0,
    stages=dict.fromkeys(STAGES, 5.0),
    work=0.75,
    memory=300.0,
    frames=50,
)
MACHINE = Machine(cores=2, matmul=300.0, copy=8.0)


def test_a_film_is_measured_whole_and_stage_by_stage():
    heard = []
    machine, found = benches.bench(
        ["puppet"], sizes=[128], seconds=0.2, rounds=1, progress=lambda *step: heard.append(step)
    )
    (still, one), (puppet, times) = found
    assert (still.engine, puppet.engine) == ("still", "puppet") and heard == [(1, 2), (2, 2)]
    assert one == 1.0 and times == pytest.approx(still.fps / puppet.fps)
    assert puppet.size == 128 and puppet.frames == still.frames == 5
    assert set(puppet.stages) == set(STAGES) and all(spent > 0 for spent in puppet.stages.values())
    assert puppet.stages["generate"] > 3 * still.stages["generate"]  # the only stage in which they differ
    whole = puppet.frames / puppet.fps
    assert 0 < puppet.first_frame < whole
    assert 0 < puppet.cpu < 1000 * (machine.cores + 1) * whole / puppet.frames  # as many cores at once as there are
    assert 0.2 < whole / (sum(puppet.stages.values()) * puppet.frames / 1000) < 20  # seconds, not milliseconds
    assert puppet.memory > 50 and machine.matmul > 1 and machine.copy > 0.1


def test_the_memory_of_a_process_is_its_own():
    """Whoever started it holds 200 MB; a program that asks for nothing else, a tenth of that."""
    held = np.ones(200_000_000, np.uint8)
    ask = "from living_portraits import memory; print(memory.peak())"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert 0 < int(asked.stdout) < len(held) / 2


def test_the_work_of_a_network_is_counted_and_set_beside_the_machines_peak():
    assert probe.operations("puppet", 128) == 0.0
    assert 0.1 < probe.operations("talking-head", 256) < 20  # of one frame, whatever the film's length
    # .75 billion operations in 5 ms are 150 billion a second, of 300.
    assert share(FIGURES, MACHINE) == pytest.approx(0.5)


def test_ratios_are_taken_round_by_round(monkeypatch):
    """In the second round the machine is ten times as slow: the ratio does not change."""
    speeds = {"still": iter([100.0, 10.0, 100.0]), "puppet": iter([50.0, 5.0, 50.0])}
    monkeypatch.setattr(
        rounds,
        "_measured",
        lambda name, size, seconds, runtime: dataclasses.replace(FIGURES, engine=name, fps=next(speeds[name])),
    )
    monkeypatch.setattr(rounds, "_machine", lambda: MACHINE)
    _, found = benches.bench(["puppet", "still"], rounds=3)
    assert [(run.engine, run.fps, times) for run, times in found] == [("still", 100.0, 1.0), ("puppet", 50.0, 2.0)]


def test_each_engine_is_measured_in_each_runtime_that_it_has(monkeypatch):
    monkeypatch.setattr(
        rounds,
        "_measured",
        lambda name, size, seconds, runtime: dataclasses.replace(FIGURES, engine=name, runtime=runtime),
    )
    monkeypatch.setattr(rounds, "_machine", lambda: MACHINE)
    monkeypatch.setattr(rounds.engines, "available", lambda: ("guided", "puppet", "still"))
    _, found = benches.bench(rounds=1, runtimes=["torch", "int8"])
    _, again = benches.bench(rounds=1, runtimes=["torch", "int8", "torch"], sizes=[512, 512])
    assert again == found  # each once
    told = [(run.engine, run.runtime) for run, _ in found]
    assert told == [("still", "auto"), ("guided", "torch"), ("guided", "int8"), ("puppet", "auto")]


@pytest.mark.parametrize(
    ("names", "sizes", "expected"),
    [((), [1024], [("still", 1024), ("puppet", 1024), ("still", 512), ("student", 512)]),
     ((), [1024, 512], [("still", 1024), ("puppet", 1024), ("still", 512), ("student", 512), ("puppet", 512)]),
     (("student",), [1024], [("still", 1024), ("student", 1024)])],
)  # fmt: skip
def test_engines_are_measured_at_the_size_nearest_to_the_one_asked_for_beside_still(
    monkeypatch, names, sizes, expected
):
    """At 512 px `still` is four times as fast, and the others take twice its time at either size."""

    def measured(name: str, size: int, *rest: object) -> Figures:
        speed = (20.0 if size == 1024 else 80.0) / (1 if name == "still" else 2)
        return dataclasses.replace(FIGURES, engine=name, size=size, fps=speed)

    monkeypatch.setattr(rounds, "_measured", measured)
    monkeypatch.setattr(rounds, "_machine", lambda: MACHINE)
    monkeypatch.setattr(rounds.engines, "available", lambda: ("student", "puppet", "still"))
    _, found = benches.bench(names, rounds=1, sizes=sizes)
    told = [(run.engine, run.size) for run, _ in found]
    assert told == expected  # an engine that was asked for by its name says itself what it cannot do
    assert [times for _, times in found] == [1.0 if name == "still" else 2.0 for name, _ in told]


def test_the_median_of_each_figure():
    runs = [dataclasses.replace(FIGURES, fps=fps, stages=dict.fromkeys(STAGES, fps)) for fps in (1.0, 9.0, 4.0)]
    assert middle(runs).fps == 4.0 and middle(runs).stages["track"] == 4.0
    assert cost(runs[0], runs[1]) == 9.0


def test_the_table_has_a_line_for_each_engine():
    lines = table(
        MACHINE, [(FIGURES, 1.0), (dataclasses.replace(FIGURES, engine="guided", runtime="int8"), 2.5)]
    ).splitlines()
    assert "300 GFLOP/s" in lines[0] and len(lines) == 6
    assert "| guided | 512 | int8 |" in lines[-1] and "| 60.0 | 50 | 20.0 | 2.50 |" in lines[-1]
    assert len({line.count("|") for line in lines[2:]}) == 1
    assert json.loads(json.dumps(as_data(MACHINE, [(FIGURES, 1.0)])))["runs"][0]["times_still"] == 1.0


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"names": ["pupet"]}, "no engine 'pupet'"),
        ({"rounds": 0}, "at least one round"),
        ({"names": ["puppet"], "runtimes": ["int8"]}, "puppet has one runtime alone"),
        ({"names": ["guided"], "runtimes": ["tpu"]}, "no runtime 'tpu'; choose from auto, torch, openvino, int8, cuda"),
        ({"seconds": 0.0}, "at least one round"),
    ],
)
def test_what_cannot_be_measured_is_said(asked, sentence):
    with pytest.raises(OptionError, match=sentence):
        benches.bench(**asked)


def test_an_engine_that_fails_is_named_with_its_reason():
    with pytest.raises(LivingPortraitsError, match=r"puppet could not be measured at 100 px: .*multiple of 16"):
        rounds._measured("puppet", 100, 0.1, "auto")


def test_the_command_writes_its_figures(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(benches, "bench", lambda *_, **__: (MACHINE, [(FIGURES, 1.0)]))
    assert main(["bench", "--json", str(tmp_path / "figures.json")]) == 0
    assert "| puppet | 512 |" in capsys.readouterr().out
    assert json.loads((tmp_path / "figures.json").read_text())["machine"]["cores"] == 2
    assert main(["bench", "--seconds", "long"]) == 2
    assert "--seconds takes a number" in capsys.readouterr().err
    monkeypatch.setattr(benches, "bench", None)  # is not begun
    assert main(["bench", "--json", str(tmp_path)]) == 2
    assert main(["bench", "--json", str(tmp_path / "nowhere" / "figures.json")]) == 2
