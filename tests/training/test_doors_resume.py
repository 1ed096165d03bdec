"""Trainings that are gone on with: the same data, more epochs, cut off within an epoch, damaged."""

import json
import os
import signal
import warnings
from functools import partial

import pytest
import torch

import gridhydro as gh
from gridhydro.training import checkpoint, data_digest
from tests.support import lumped
from tests.support.forks import Fork, until
from tests.support.small_world import PERIOD, small_model, small_world

OPTIONS = dict(period=PERIOD, spinup=100, epochs=2)
QUIET = gh.Session(progress=False)


def train(out, resume=True, model=None, forcing=None, discharge=None, **options):
    _, _, weather, observed = small_world()
    return gh.train(
        small_model() if model is None else model,
        weather if forcing is None else forcing,
        observed if discharge is None else discharge,
        checkpoints=gh.Checkpoints(out, resume=resume),
        **OPTIONS | {"session": QUIET} | options,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    train(out, resume=False)
    return out


def wetter(forcing, days=slice(None)):
    forcing = forcing.copy(deep=True)
    forcing["precipitation"].loc[{"time": days}] += 1
    return forcing


def test_other_data_is_refused_by_name(trained):
    domain, attributes, forcing, discharge = small_world()
    other = attributes.copy(deep=True)
    other[next(iter(other))] += 1
    model = gh.Model(domain, attributes=other, network=gh.ParameterNetwork(hidden=(16,), seed=3))
    for what, options in {
        "the attributes have changed": dict(model=model),
        "the forcing has changed": dict(forcing=wetter(forcing)),
        "the discharge has changed": dict(discharge=discharge * 10),
    }.items():
        with pytest.raises(ValueError, match=rf"of another training \({what}\): resume with"):
            train(trained, **options)


def test_data_that_the_training_does_not_read_may_change(trained):
    _, _, forcing, discharge = small_world()
    later, earlier = slice("2002", None), slice(None, "2001-02")
    changed = discharge.copy()
    changed.loc["2002":] *= 5
    forcing = wetter(wetter(forcing, later), earlier)
    run = train(trained, forcing=forcing, discharge=changed)
    assert list(run.history["epoch"]) == [1, 2]


def test_epochs_may_be_raised(tmp_path):
    steady = gh.Optimizer(decay=False)
    train(tmp_path, optimizer=steady)
    more = train(tmp_path, optimizer=steady, epochs=3)
    whole = gh.train(
        small_model(), *small_world()[2:], optimizer=steady, session=QUIET,
        **OPTIONS | dict(epochs=3),
    )  # fmt: skip
    assert more.history["loss"].tolist() == whole.history["loss"].tolist()
    with pytest.raises(ValueError, match="epochs was 3, is 2"):
        train(tmp_path, optimizer=steady, epochs=2)


def test_raised_epochs_with_falling_rates_are_told(trained, tmp_path):
    with pytest.warns(UserWarning, match="the first 2 epochs had the learning rates of a training"):
        checkpoint.kept(trained / "checkpoint", *raised(trained))


def raised(out):
    content = json.loads((out / "checkpoint" / checkpoint.INDEX).read_text())
    return content["about"] | {"epochs": 5}, content["data"]


def test_a_folder_that_holds_a_training_is_refused(trained):
    with pytest.raises(ValueError, match="holds a training already: go on with Checkpoints"):
        train(trained, resume=False)


def test_on_another_processor_the_last_bits_may_differ():
    part = {"digest": "a", "sums": [[1.0, 1e6]]}
    before = {"machine": "one", "forcing": part}
    near = {"digest": "b", "sums": [[1.0001, 1e6]]}
    far = {"digest": "b", "sums": [[5.0, 1e6]]}
    with pytest.warns(UserWarning, match="not the same to the last bit"):
        assert not data_digest.differences(before, {"machine": "two", "forcing": near})
    for machine, other in (("one", near), ("two", far)):
        assert data_digest.differences(before, {"machine": machine, "forcing": other})


@pytest.mark.parametrize(
    ("sums", "close"),
    [
        ([1.9, 1e6], True),  # a millionth of all that was added
        ([2.1, 1e6], False),
        ([1.0, 1e6 + 0.9], True),
        ([1.0, 1e6 + 1.1], False),
        ([-0.9, 1e6], False),
    ],
)
def test_how_much_the_last_bits_may_change(sums, close):
    before = {"machine": "one", "forcing": {"digest": "a", "sums": [[1.0, 1e6]]}}
    now = {"machine": "two", "forcing": {"digest": "b", "sums": [sums]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (data_digest.differences(before, now) == []) == close
    now["forcing"]["sums"] *= 2  # of another number of series
    assert data_digest.differences(before, now)


@pytest.mark.parametrize("name", ["index", "numbers"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "gone", "[]"])
def test_a_damaged_checkpoint_is_named(tmp_path, trained, name, damage):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for path in (trained / "checkpoint").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    path = folder / checkpoint.INDEX if name == "index" else next(folder.glob("*.safetensors"))
    data, middle = path.read_bytes(), len(path.read_bytes()) // 2
    if damage == "gone":
        path.unlink()
    else:
        flipped = data[:middle] + bytes([data[middle] ^ 128]) + data[middle + 1 :]
        path.write_bytes(
            {"empty": b"", "cut": data[:middle], "flipped": flipped, "[]": b"[]"}[damage]
        )
    if (name, damage) == ("index", "gone"):
        assert len(train(tmp_path).history) == 2  # there is none: it starts anew
        return
    with pytest.raises((ValueError, OSError), match=rf"{path.name}.*: remove the folder"):
        train(tmp_path)


TRAINING = """
import sys
import gridhydro as gh
from tests.support.lumped import fit
batches = gh.Batches(gauges=1, days=90, warmup=30)
checkpoints, session = gh.Checkpoints(sys.argv[1], resume=True), gh.Session(progress=False)
fit(batches=batches, epochs=2, checkpoints=checkpoints, session=session)
"""


@pytest.mark.end_to_end
def test_sigterm_within_an_epoch_keeps_what_has_been_learned(tmp_path):
    """The first checkpoint is there before the first step; the end is that of an unbroken run."""
    index = tmp_path / "checkpoint" / checkpoint.INDEX
    process = Fork("-c", TRAINING, tmp_path)
    until(index.exists, process)
    assert json.loads(index.read_text())["epoch"] == 0
    process.signal(signal.SIGTERM)
    code, _, error = process.ended(60)
    assert code not in (0, -signal.SIGTERM) and "Terminated" in error
    kept = json.loads(index.read_text())
    assert kept["epoch"] or kept["within"]["batches"] > 0
    batches = gh.Batches(gauges=1, days=90, warmup=30)
    options = dict(batches=batches, epochs=2)
    again = lumped.fit(**options, checkpoints=gh.Checkpoints(tmp_path, resume=True))
    whole = lumped.fit(**options)
    assert torch.equal(lumped.weights(again), lumped.weights(whole))
    assert again.history["loss"].tolist() == whole.history["loss"].tolist()


HANDLERS = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}


@pytest.mark.parametrize("number", HANDLERS)
def test_a_second_signal_ends_at_once(number, request):
    from gridhydro.base.interrupt import Interrupt

    # pytest itself may have been started where Ctrl-C is ignored, as in a shell's background
    request.addfinalizer(partial(signal.signal, number, signal.getsignal(number)))
    before = HANDLERS[number]
    signal.signal(number, before)
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        os.kill(os.getpid(), number)
        assert interrupt.asked == number
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_digests_do_not_depend_on_where_the_data_lies(tmp_path):
    packed = gh.Session(progress=False, cache=tmp_path)
    found = [
        lumped.fit(epochs=0, session=session, checkpoints=tmp_path / name).about["data"]
        for name, session in (("a", QUIET), ("b", packed))
    ]
    assert found[0] == found[1] and {"forcing", "discharge", "attributes"} <= set(found[0])


def test_checkpoints_of_earlier_versions_are_gone_on_with(tmp_path):
    train(tmp_path, resume=False)
    index = tmp_path / "checkpoint" / checkpoint.INDEX
    content = json.loads(index.read_text())
    for name in ("data", "digest", "within"):
        del content[name]
    index.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="of an earlier version, which kept no digest"):
        assert len(train(tmp_path).history) == 2
