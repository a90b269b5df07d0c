"""The step that draws: all files of every run, with and without labels, with several channels."""

from dataclasses import replace
from pathlib import Path

import pytest
from finished_run import finished_run
from untrained import untrained_judge

from nm_vqtsg.artifacts import load_json, save_json, save_text
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.params import Fcn
from nm_vqtsg.steps import plot
from nm_vqtsg.steps.fcn import NO_CURVE


def test_draws_every_figure(tmp_path: Path) -> None:
    ctx = finished_run(tmp_path, channels=2, labelled=True)
    plot.run(ctx)
    drawn = {path.name: path.read_bytes() for path in ctx.paths.figure("any").parent.iterdir()}
    assert set(drawn) == set(plot.FIGURES)
    assert all(data.startswith(b"\x89PNG") and len(data) < 300_000 for data in drawn.values())
    assert drawn["fig4_features.png"] == plot.png(plot.Inputs(ctx), "fig4_features.png")
    page = ctx.paths.page.read_text()
    assert "Toy, seed 0" in page and "40 real series (TEST); 20 generated series; 20 mapped series" in page


def test_without_labels_the_figures_of_the_judge_say_so(tmp_path: Path) -> None:
    run = plot.Inputs(finished_run(tmp_path, channels=1, labelled=False))
    for name in ("fig4_features.png", "cfid_classes.png"):
        text = " ".join(text.get_text() for text in plot.draw(run, name).texts)
        assert "labels" in text
    figure = plot.draw(run, "loss_curves.png")
    assert figure.get_suptitle() == "Training. Toy, seed 0"
    titles = [axis.get_title() for axis in figure.axes]
    assert "FCN (judge)" not in titles and "Stage 3: mapper" in titles


def test_a_run_without_a_mapping_has_its_figures(tmp_path: Path) -> None:
    ctx = finished_run(tmp_path, channels=1, labelled=True)
    outcome = {"fid": [0.4, 0.3], "fid_unmapped": 0.25}
    save_json(ctx.paths.tau_curve, load_json(ctx.paths.tau_curve) | {"tau": None, "outcome": outcome})
    save_text(ctx.paths.curve(3), "step\tloss\tlr\n")
    run = plot.Inputs(ctx)
    titles = [axis.get_title() for axis in plot.draw(run, "loss_curves.png").axes]
    assert "Stage 2: prior" in titles and "Stage 3: mapper" not in titles
    assert not any("chosen" in axis.get_title() for axis in plot.draw(run, "fig5_tau.png").axes)
    (axis,) = plot.draw(run, "tau_curve.png").axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[0.2, 0.1], [0.4, 0.3], [0.25, 0.25]]
    assert axis.get_legend().get_title().get_text() == "no mapping was chosen"


def test_a_judge_that_was_not_trained_here_has_no_curve(tmp_path: Path) -> None:
    ctx = finished_run(tmp_path, channels=1, labelled=True)
    Judge(Fcn(source="published"), 1, 2, untrained_judge(1, 2).network).save(ctx.paths.fcn)
    save_text(ctx.paths.fcn_curve, NO_CURVE)
    assert "FCN (judge)" not in [axis.get_title() for axis in plot.draw(plot.Inputs(ctx), "loss_curves.png").axes]


def test_a_missing_or_damaged_curve_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"a\.tsv: no such file"):
        plot.read_curve(tmp_path / "a.tsv")
    (tmp_path / "b.tsv").write_text("step\tloss\n1\tx\n")
    with pytest.raises(ArtifactError, match=r"b\.tsv: not a table"):
        plot.read_curve(tmp_path / "b.tsv")


def test_figures_of_val_say_so(tmp_path: Path) -> None:
    ctx = finished_run(tmp_path, channels=1, labelled=True)
    before = plot.png(plot.Inputs(ctx), "reconstructions.png")
    replace(Series.load(ctx.paths.test), validation=True).save(ctx.paths.test)
    run = plot.Inputs(ctx)
    assert plot.draw(run, "reconstructions.png").axes[0].get_title().startswith("VAL ")
    assert plot.png(run, "reconstructions.png") != before
    assert "not on TEST" in plot.draw(run, "tau_curve.png").get_supxlabel()
