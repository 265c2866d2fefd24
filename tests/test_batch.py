"""Batches: lists are checked, films are made once, whole or not at all, and a worker's death costs no other film."""

import dataclasses
import importlib.util
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from living_portraits import animator, batch, samples, video
from living_portraits.animator import Animator
from living_portraits.batch import Job, Outcome, Shelf, crew, read_jobs
from living_portraits.batch.maker import Maker
from living_portraits.cli import main
from living_portraits.errors import MediaError, OptionError, OutputError
from living_portraits.recent import Recent


def listed(folder: Path, *rows: str, columns: str = "source,driver,out,engine,size,end,crop_only") -> Path:
    path = folder / "jobs.csv"
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def row(out: str, *, source: Path = samples.mona_lisa, driver: Path = samples.smile, size: int = 64) -> str:
    return f"{source},{driver},{out},still,{size},0.2,true"


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_row_is_a_film_with_its_options(tmp_path):
    (tmp_path / "me.png").write_bytes(samples.mona_lisa.read_bytes())
    path = listed(
        tmp_path,
        f"me.png,{samples.smile},,TRUE,0.5",
        "",
        f"me.png,{samples.talk},b/two.webm,false,",
        columns="source,driver,out,crop_only,strength",
    )
    one, two = read_jobs(path)
    assert (one.source, one.film, one.options) == (
        tmp_path / "me.png",
        "me_smile.mp4",
        {"crop_only": True, "strength": "0.5"},
    )
    assert (two.film, two.row, two.options) == ("b/two.webm", 4, {"crop_only": False})


def test_switches_are_called_as_on_the_command_line_and_set_as_people_write(tmp_path):
    (tmp_path / "me.png").write_bytes(samples.mona_lisa.read_bytes())
    path = listed(
        tmp_path,
        f"me.png,{samples.smile},yes,No,YES",
        f"me.png,{samples.talk},no,true,",
        columns="source,driver,absolute,no_mark,crop_only",
    )
    one, two = (job.options for job in read_jobs(path))
    assert one == {"relative": False, "mark": True, "crop_only": True}
    assert two == {"relative": True, "mark": False}
    with pytest.raises(OptionError, match="row 2: absolute takes yes or no, not 'maybe'"):
        read_jobs(listed(tmp_path, f"me.png,{samples.smile},maybe", columns="source,driver,absolute"))


def test_a_row_may_name_samples_unless_files_are_called_so(tmp_path):
    (tmp_path / "smile").write_bytes(samples.talk.read_bytes())
    one, two = read_jobs(listed(tmp_path, "mona_lisa,laugh", "van_gogh,smile", columns="source,driver"))
    assert (one.source, one.driver, one.film) == (samples.mona_lisa, samples.laugh, "mona_lisa_laugh.mp4")
    assert (two.source, two.driver) == (samples.PORTRAITS["van_gogh"], tmp_path / "smile")


def test_a_row_has_a_runtime_or_the_lists(tmp_path):
    path = listed(
        tmp_path,
        f"{samples.mona_lisa},{samples.smile},guided,torch",
        f"{samples.mona_lisa},{samples.talk},guided,",
        columns="source,driver,engine,runtime",
    )
    assert [job.runtime for job in read_jobs(path)] == ["torch", "auto"]
    assert [job.runtime for job in read_jobs(path, runtime="int8")] == ["torch", "int8"]
    ids = [[job.id for job in read_jobs(path, runtime=runtime)] for runtime in ("auto", "int8")]
    assert ids[0][0] == ids[1][0] and ids[0][1] != ids[1][1], "what was made otherwise is made again"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffsource;driver;out;strength\r\n{portrait};{driver};a, b.MP4;0.5\r\n;;;\r\n",
        "source\tdriver\tout\tstrength\n{portrait}\t{driver}\ta, b.MP4\t0.5\n",
        'source, driver, out, strength\n{portrait}, {driver}, "a, b.MP4", 0.5\n',
        '\n\nsource,driver,out,strength,\n{portrait},{driver},"a, b.MP4",0.5,,\n,,,,,,\n',
    ],
    ids=["semicolons", "tabs", "spaces", "empty columns and lines"],
)
def test_a_list_as_spreadsheets_and_people_write_it(tmp_path, text):
    (tmp_path / "jobs.csv").write_text(
        text.format(portrait=samples.mona_lisa, driver=samples.smile), encoding="utf-8", newline=""
    )
    (job,) = read_jobs(tmp_path / "jobs.csv")
    assert (job.source, job.driver, job.film) == (samples.mona_lisa, samples.smile, "a, b.MP4")
    assert job.options == {"strength": "0.5"}


def test_yes_and_no_are_words_where_words_are_asked_for(tmp_path):
    (job,) = read_jobs(
        listed(tmp_path, f"{samples.mona_lisa},{samples.smile},yes,no", columns="source,driver,consent,stay")
    )
    assert job.options == {"consent": "yes", "stay": False}


def test_a_list_in_another_encoding_is_said(tmp_path):
    (tmp_path / "jobs.csv").write_bytes("source,driver\nGemälde.png,talk\n".encode("latin-1"))
    with pytest.raises(MediaError, match=r"jobs.csv cannot be read as CSV: it is not in UTF-8; save it so\.$"):
        read_jobs(tmp_path / "jobs.csv")


@pytest.mark.parametrize(
    ("columns", "rows", "sentence"),
    [
        ("source,driver,colour", ["a,b,c"], "a column 'colour'; choose from .*strength"),
        ("source,driver", ["{portrait},"], "row 2: the column driver is empty"),
        ("source,driver", ["{portrait},nothing.mp4"], r"row 2: there is no file .*nothing\.mp4"),
        ("source,driver,engine", ["{portrait},{driver},pupet"], "row 2: There is no engine 'pupet'"),
        (
            "source,driver,engine,runtime",
            ["{portrait},{driver},puppet,int8"],
            "row 2: The engine puppet has one runtime",
        ),
        ("source,driver,size", ["{portrait},{driver},big"], "row 2: size takes a whole number"),
        ("source,driver,strength", ["{portrait},{driver},9"], "row 2: The option strength takes"),
        ("source,driver", ["{portrait},{driver}"] * 2, "row 3: the film mona_lisa_smile.mp4 is that of row 2 too"),
        ("source,driver,out", ["{portrait},{driver},../a.mp4"], "leaves the batch's folder"),
        ("source,driver,out", ["{portrait},{driver},a.mp5"], "ends in"),
        ("source,driver", ["{portrait},{driver},more"], "more cells than columns"),
        ("source,driver", [], "holds no films"),
        ("source,driver,source", ["{portrait},{driver},me.png"], "has two columns 'source'"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_with_its_row(tmp_path, columns, rows, sentence):
    rows = [each.format(portrait=samples.mona_lisa, driver=samples.smile) for each in rows]
    with pytest.raises((OptionError, MediaError), match=sentence):
        read_jobs(listed(tmp_path, *rows, columns=columns))


def test_a_list_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MediaError, match="cannot be read as CSV"):
        read_jobs(tmp_path / "jobs.csv")


def test_a_job_is_known_by_what_it_makes_and_from_what(tmp_path):
    job = read_jobs(listed(tmp_path, row("a.mp4")))[0]
    moved = tmp_path / "elsewhere.jpg"
    moved.write_bytes(samples.mona_lisa.read_bytes())
    assert dataclasses.replace(job, source=moved, row=9).id == job.id
    moved.write_bytes(samples.erasmus.read_bytes())
    others = [{"source": moved}, {"film": "b.mp4"}, {"options": {"end": "0.3"}}, {"size": 128}, {"engine": "puppet"}]
    assert len({job.id, *(dataclasses.replace(job, **other).id for other in others)}) == 6


@pytest.mark.parametrize("place", ["{}", "file://{}"])
def test_a_film_never_takes_the_place_of_a_file_that_the_list_reads(tmp_path, place):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(samples.smile.read_bytes())
    jobs = read_jobs(listed(tmp_path, row("clip.mp4", driver=clip)))
    with pytest.raises(OptionError, match=r"Row 2: .*clip\.mp4 is read to make the films"):
        batch.run(jobs, place.format(tmp_path), workers=1)
    assert clip.read_bytes() == samples.smile.read_bytes()


# --- films ------------------------------------------------------------------------------------------------------------


def test_a_batch_goes_on_where_it_was(tmp_path):
    out = tmp_path / "films"
    faceless = tmp_path / "wall.png"
    _wall(faceless)
    jobs = read_jobs(
        listed(tmp_path, row("a.mp4"), row("b/c.mp4", source=samples.erasmus), row("d.mp4", source=faceless))
    )
    heard: list[Outcome] = []
    summary = batch.run(jobs, str(out), workers=2, progress=heard.append)
    assert [each.state for each in summary.outcomes] == ["made", "made", "failed"] and len(heard) == 3
    assert "no face" in str(summary) and "row 4, d.mp4" in str(summary)
    assert video.probe(out / "b" / "c.mp4").width == 64 and video.probe(out / "a.mp4").frames == 5
    assert sorted(path.name for path in out.iterdir()) == [".batch", "a.mp4", "b"]

    (out / "a.mp4").unlink()
    before = (out / "b" / "c.mp4").stat().st_mtime_ns
    again = batch.run(jobs, str(out), workers=1)
    assert [each.state for each in again.outcomes] == ["made", "kept", "failed"]
    assert (out / "b" / "c.mp4").stat().st_mtime_ns == before

    faceless.write_bytes(samples.rembrandt.read_bytes())  # mended: another job now
    mended = batch.run(read_jobs(tmp_path / "jobs.csv"), str(out), workers=1)
    assert [each.state for each in mended.outcomes] == ["kept", "kept", "made"]


def _wall(path: Path) -> None:
    import numpy as np
    from PIL import Image

    Image.fromarray(np.full((128, 128, 3), 130, np.uint8)).save(path)


def test_failures_are_made_again_on_request_alone(tmp_path, monkeypatch):
    job = read_jobs(listed(tmp_path, row("a.mp4")))[0]
    shelf = Shelf(str(tmp_path / "films"))
    shelf.note(Outcome(job.id, 2, "a.mp4", "failed", "the disk was full"))
    asked: list[str] = []

    def make_all(jobs: list[Job], place: str, *, workers: int) -> Iterator[Outcome]:
        asked.extend(each.film for each in jobs)
        return iter([Outcome(each.id, each.row, each.film, "made") for each in jobs])

    monkeypatch.setattr(crew, "make_all", make_all)
    assert "the disk was full" in str(batch.run([job], shelf.place)) and not asked
    assert batch.run([job], shelf.place, retry=True).count("made") == 1 and asked == ["a.mp4"]


def test_a_film_that_was_finished_is_not_made_twice(tmp_path, monkeypatch):
    """A worker that dies between its film and its answer: the one after it finds the note."""
    job = read_jobs(listed(tmp_path, row("a.mp4")))[0]
    place = str(tmp_path / "films")
    assert Maker(place).make(job).state == "made"
    monkeypatch.setattr(Animator, "animate", lambda *_, **__: pytest.fail("made twice"))
    assert Maker(place).make(job).frames == 5


def test_a_worker_remembers_sources_and_drivers(tmp_path, monkeypatch):
    jobs = read_jobs(listed(tmp_path, row("a.mp4"), row("b.mp4", driver=samples.talk), row("c.mp4")))
    looked: list[str] = []
    open_portrait, follow = animator.open_portrait, animator.Driver.follow
    monkeypatch.setattr(animator, "open_portrait", lambda *a: looked.append("source") or open_portrait(*a))
    monkeypatch.setattr(animator.Driver, "follow", lambda *a: looked.append("driver") or follow(*a))
    maker = Maker(str(tmp_path / "films"))
    assert [maker.make(job).state for job in jobs] == ["made"] * 3
    assert sorted(looked) == ["driver", "driver", "source"]


def test_the_last_few_are_kept():
    recent: Recent[int] = Recent(2)
    made: list[str] = []
    for key in "abacab":
        assert recent.of(key, lambda key=key: made.append(key) or ord(key)) == ord(key)
    assert made == ["a", "b", "c", "b"]
    assert Recent(0).of("a", lambda: 1) == 1 and Recent(0).of("a", lambda: 2) == 2


# --- workers that die -------------------------------------------------------------------------------------------------


def test_a_workers_death_costs_no_film(tmp_path, monkeypatch):
    """The first worker that takes film 1 is killed in mid-job: it is made at the second try, the others once."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    jobs = read_jobs(listed(tmp_path, *(row(f"{number}.mp4") for number in range(4))))
    log = tmp_path / "log"
    outcomes = list(crew.make_all(jobs, f"{tmp_path}|1.mp4|{log}", workers=2, maker="dying:Dying"))
    assert sorted((each.film, each.state) for each in outcomes) == [(f"{n}.mp4", "made") for n in range(4)]
    assert sorted(log.read_text().split()) == ["0.mp4", "1.mp4", "1.mp4", "2.mp4", "3.mp4"]


def test_a_worker_that_has_made_its_films_ends_in_peace(tmp_path, monkeypatch):
    """A signal that reached it as it was ending anyway was told as an error, now and then."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    (job,) = read_jobs(listed(tmp_path, row("0.mp4")))
    worker = crew._Worker(multiprocessing.get_context("spawn"), f"{tmp_path}|none|{tmp_path / 'log'}", "dying:Dying")
    worker.give(job, 1)
    outcome = worker.answer()
    worker.finish()
    worker.stop()
    assert outcome.state == "made" and worker._process.exitcode == 0


def test_a_job_that_always_kills_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    jobs = read_jobs(listed(tmp_path, row("0.mp4"), row("always.mp4")))
    outcomes = {
        each.film: each
        for each in crew.make_all(jobs, f"{tmp_path}|always.mp4|{tmp_path / 'log'}", workers=1, maker="dying:Dying")
    }
    assert outcomes["0.mp4"].state == "made"
    assert outcomes["always.mp4"].state == "failed" and "memory" in outcomes["always.mp4"].reason


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: the extra 'cluster'")
def test_a_cluster_loses_no_film_and_makes_none_twice(tmp_path, monkeypatch):
    from living_portraits.batch import cluster

    jobs = read_jobs(listed(tmp_path, *(row(f"{number}.mp4") for number in range(6))))
    log = tmp_path / "log"
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")  # it takes its time on a busy machine
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())]))
    outcomes = list(cluster.make_all(jobs, f"{tmp_path}|1.mp4|{log}", address="local", workers=3, maker="dying:Dying"))
    assert sorted((each.film, each.state) for each in outcomes) == [(f"{n}.mp4", "made") for n in range(6)]
    assert sorted(log.read_text().split()) == sorted([f"{n}.mp4" for n in range(6)] + ["1.mp4"])


# --- places and the command -------------------------------------------------------------------------------------------


def test_films_go_wherever_fsspec_reaches(tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film")
    shelf = Shelf("memory://films")
    outcome = Outcome("abc", 2, "a/b.mp4", "made", frames=5)
    assert shelf.noted("abc") is None
    shelf.put(film, outcome)
    assert shelf.noted("abc") == outcome
    assert Shelf("memory://films").noted("abc") == outcome
    assert shelf._files.cat("/films/a/b.mp4") == b"a film"
    assert sorted(Path(name).name for name in shelf._files.find("/films")) == ["abc.json", "b.mp4"]


@pytest.mark.parametrize("place", ["nowhere://films", "{file}"])
def test_a_place_that_takes_no_films_is_said(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be put into"):
        Shelf(place.format(file=tmp_path / "file"))


def test_what_is_done_stays_when_the_command_is_stopped(tmp_path, monkeypatch, capsys):
    def stopped(jobs: list[Job], place: str, *, workers: int) -> Iterator[Outcome]:
        yield Maker(place).make(jobs[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "make_all", stopped)
    path = listed(tmp_path, row("a.mp4"), row("b.mp4"))
    assert main(["batch", str(path), "--out", str(tmp_path / "films")]) == 130
    assert "films that were done by then stay" in capsys.readouterr().out
    assert (tmp_path / "films" / "a.mp4").is_file() and not (tmp_path / "films" / "b.mp4").exists()


def test_the_command_tells_what_became_of_each(tmp_path, capsys):
    wall = tmp_path / "wall.png"
    _wall(wall)
    path = listed(tmp_path, row("a.mp4"), row("b.mp4", source=wall))
    assert main(["batch", str(path), "--out", str(tmp_path / "films"), "--workers", "1"]) == 1
    assert "1 film made, 0 there before, 1 failed\nrow 3, b.mp4: There is no face" in capsys.readouterr().out
    assert main(["batch", str(path), "--out", str(tmp_path / "films"), "--workers", "many"]) == 2
    assert "--workers takes a whole number" in capsys.readouterr().err
    assert main(["batch", str(path), "--out", str(tmp_path / "films"), "--workers", "0"]) == 2
