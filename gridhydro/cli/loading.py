"""The run of a folder as commands take it, with the weather that it is to go through."""

from __future__ import annotations

from argparse import Namespace

from gridhydro.config.find import run_folder


def one_run(options: Namespace):
    """The run of the folder and its setup; ValueError for an ensemble of runs."""
    folder = run_folder(options.folder)

    from gridhydro.config.score_domain import load_one
    from gridhydro.model.ensemble import refuse_several

    refuse_several(folder)
    return load_one(folder, options.data)


def run_and_forcing(options: Namespace, several: str):
    """The run, the weather of --forcing, and the setup with what it was trained on; one of the last
    two is None.

    several  what is said of weather of several members, which is refused
    """
    if options.forcing is None:
        if options.pet is not None:
            raise ValueError("--pet goes with --forcing: the record has its own")
        run, setup = one_run(options)
        return run, None, setup

    from gridhydro.config.new_forcing import Finished, members, open_forcing

    finished = Finished.load(run_folder(options.folder), options.data, options.pet)
    data = open_forcing(options.forcing)
    if members(data)[0][0] is not None:
        raise ValueError(f"{options.forcing} is of several members: {several}")
    finished.tell_corners(data, options.forcing)
    return finished.run, finished.forcing(data, options.forcing), None
