"""The Basic Model Interface, BMI 2.0: a run driven by the day from outside, coupled to others.

Hutton et al. (2020, doi:10.21105/joss.02317). Needs `pip install 'gridhydro[bmi]'`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base.arguments import one_of, required
from gridhydro.config.find import run_folder
from gridhydro.config.new_forcing import Finished, members, open_forcing
from gridhydro.config.parse import read_options, refuse_unknown
from gridhydro.io.text_files import read_text
from gridhydro.model.day_by_day import DayByDay
from gridhydro.model.state import State

try:
    import bmipy
except ImportError as error:
    raise ImportError("BMI needs the package bmipy: pip install 'gridhydro[bmi]'") from error

CELLS, GAUGES = 0, 1
DISCHARGE = "discharge"


@dataclass(frozen=True)
class BmiOptions:
    """The section [bmi] of the file (TOML) that `BmiRun.initialize` reads; paths start beside it.

    run      folder of a finished run
    forcing  daily weather, as for `gridhydro run --forcing`
    state    file of the state of the day before, to go on from
    outputs  fluxes and states of the cells that are handed out; the usual ones if left out
    data     the data folder, if the run's land surface is not where it was
    pet      how potential evapotranspiration is computed; as in the training if left out
    """

    run: str
    forcing: str
    state: str | None = None
    outputs: tuple[str, ...] | None = None
    data: str | None = None
    pet: str | None = None


class BmiRun(bmipy.Bmi):
    """A finished run under BMI 2.0. Its time counts days from the beginning of the forcing.

    Input: the series of the forcing, of the day that comes, and all stores of the column. Output:
    fluxes and states of the last day, the stores, and `discharge` at the gauges. Units are those of
    the engine (mm d-1, mm, degC, m3 s-1); values are float32.

    Grid 0 has the cells: of a raster all of it, "rectilinear", with NaN outside the domain, which
    is passed over where values are set; lumped basins and reaches are points, "unstructured"
    without edges.
    Grid 1 has the gauges, points too. x and y are in the reference system of the domain; basins
    whose place is not known lie at their number.
    """

    def __init__(self) -> None:
        self._model: DayByDay | None = None

    # control

    def initialize(self, config_file: str) -> None:
        """Take up run, forcing and state; see `BmiOptions`."""
        path = Path(config_file)
        try:
            content = tomllib.loads(read_text(path))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is not valid TOML: {error}") from error
        refuse_unknown(str(path), content, ["bmi"])
        options = read_options(path, "bmi", BmiOptions, content.get("bmi", {}))
        place = path.resolve().parent
        data = None if options.data is None else place / options.data
        finished = Finished.load(run_folder(place / options.run), data, options.pet)
        source = options.forcing if "://" in options.forcing else place / options.forcing
        ((name, weather), *others) = members(open_forcing(source))
        if name is not None or others:
            raise ValueError(f"{path}: forcing: {source} is of several members: take one of them")
        finished.tell_corners(weather, source)
        state = None if options.state is None else State.from_file(place / options.state)
        run = finished.run
        outputs = run.usual_outputs if options.outputs is None else options.outputs
        for output in outputs:
            run.model.output(output)
        self._model = DayByDay(run, finished.forcing(weather, source), outputs, state)
        domain = run.model.domain
        self._where = None
        if domain.grid is not None:
            self._where = domain.row * domain.shape[1] + domain.col
        self._shown: dict[str, np.ndarray] = {}
        self._fields = {f.name: f for f in (*run.model.forcings, *run.model.column.states)}
        self._fields |= {name: run.model.output(name) for name in outputs}

    def update(self) -> None:
        """Take it on by a day."""
        self._take()
        self._run.advance()
        self._show()

    def update_until(self, time: float) -> None:
        """Take it on to the end of a day; ValueError for part of one, and for one that is over."""
        days = round(time)
        if abs(days - time) > 1e-6 or not self._run.day <= days <= self._run.days:
            raise ValueError(
                f"the time {time} is no whole day from {self._run.day} to {self._run.days}"
            )
        while self._run.day < days:
            self.update()

    def finalize(self) -> None:
        """Let go of everything."""
        self._model = None

    def state(self) -> State:
        """Where it has come to, for `to_file` and another run; no part of BMI."""
        self._take()
        return self._run.state()

    @property
    def _run(self) -> DayByDay:
        return required("run: call initialize first", self._model)

    # what there is

    def get_component_name(self) -> str:
        """The name of the column."""
        return f"gridhydro {self._run.run.model.column.name}"

    def get_input_item_count(self) -> int:
        """Number of inputs."""
        return len(self.get_input_var_names())

    def get_output_item_count(self) -> int:
        """Number of outputs."""
        return len(self.get_output_var_names())

    def get_input_var_names(self) -> tuple[str, ...]:
        """The series of the forcing and the stores."""
        return (*self._run.weather, *self._run.stores)

    def get_output_var_names(self) -> tuple[str, ...]:
        """Discharge, fluxes, and the stores."""
        names = (DISCHARGE, *self._run.fluxes, *self._run.stores)
        return tuple(dict.fromkeys(names))

    def get_var_grid(self, name: str) -> int:
        """0 of the cells, 1 of the gauges."""
        self._known(name)
        return GAUGES if name == DISCHARGE else CELLS

    def get_var_type(self, name: str) -> str:
        """float32 in any case."""
        return str(self.get_value_ptr(name).dtype)

    def get_var_units(self, name: str) -> str:
        """As UDUNITS reads them."""
        self._known(name)
        return "m3 s-1" if name == DISCHARGE else self._fields[name].unit

    def get_var_itemsize(self, name: str) -> int:
        """Bytes of a value."""
        return self.get_value_ptr(name).itemsize

    def get_var_nbytes(self, name: str) -> int:
        """Bytes of all values."""
        return self.get_value_ptr(name).nbytes

    def get_var_location(self, name: str) -> str:
        """Values are of nodes."""
        self._known(name)
        return "node"

    def _known(self, name: str) -> None:
        one_of("variable", name, (*self.get_input_var_names(), *self.get_output_var_names()))

    # time

    def get_current_time(self) -> float:
        """Days that are over."""
        return float(self._run.day)

    def get_start_time(self) -> float:
        """The beginning of the forcing."""
        return 0.0

    def get_end_time(self) -> float:
        """Days of the forcing."""
        return float(self._run.days)

    def get_time_units(self) -> str:
        """Days."""
        return "d"

    def get_time_step(self) -> float:
        """A day."""
        return 1.0

    # values

    def get_value(self, name: str, dest: np.ndarray) -> np.ndarray:
        """A copy of all values, flat."""
        dest[:] = self.get_value_ptr(name)
        return dest

    def get_value_ptr(self, name: str) -> np.ndarray:
        """The values themselves, flat: what is written there is taken with the next day."""
        self._known(name)
        own = self._own(name)
        if self._where is None or name == DISCHARGE:
            return own
        if name not in self._shown:
            shape = self._run.run.model.domain.shape
            self._shown[name] = np.full(shape[0] * shape[1], np.nan, np.float32)
            self._shown[name][self._where] = own
        return self._shown[name]

    def get_value_at_indices(self, name: str, dest: np.ndarray, inds: np.ndarray) -> np.ndarray:
        """A copy of some values."""
        dest[:] = self.get_value_ptr(name)[inds]
        return dest

    def set_value(self, name: str, src: np.ndarray) -> None:
        """Set an input, which the next day is run with."""
        self._settable(name)
        self.get_value_ptr(name)[:] = np.asarray(src).reshape(-1)

    def set_value_at_indices(self, name: str, inds: np.ndarray, src: np.ndarray) -> None:
        """Set some values of an input."""
        self._settable(name)
        self.get_value_ptr(name)[inds] = src

    def _settable(self, name: str) -> None:
        one_of("variable that can be set", name, self.get_input_var_names())

    def _own(self, name: str) -> np.ndarray:
        """(N,) or (G,)."""
        run = self._run
        if name == DISCHARGE:
            return run.discharge
        for group in (run.weather, run.stores, run.fluxes):
            if name in group:
                return group[name]
        raise KeyError(name)

    def _take(self) -> None:
        """What was written on the raster goes to the cells."""
        for name, values in self._shown.items():
            self._own(name)[:] = values[self._where]

    def _show(self) -> None:
        for name, values in self._shown.items():
            values[self._where] = self._own(name)

    # grids

    def get_grid_rank(self, grid: int) -> int:
        """Two."""
        one_of("grid", grid, (CELLS, GAUGES))
        return 2

    def get_grid_size(self, grid: int) -> int:
        """Number of values of a variable."""
        if self._is_raster(grid):
            rows, columns = self._run.run.model.domain.shape
            return int(rows * columns)
        return len(self._places(grid)[0])

    def get_grid_type(self, grid: int) -> str:
        """See the class."""
        return "rectilinear" if self._is_raster(grid) else "unstructured"

    def _is_raster(self, grid: int) -> bool:
        one_of("grid", grid, (CELLS, GAUGES))
        return grid == CELLS and self._where is not None

    def get_grid_shape(self, grid: int, shape: np.ndarray) -> np.ndarray:
        """Rows and columns."""
        if not self._is_raster(grid):
            raise NotImplementedError("points have no shape")
        shape[:] = self._run.run.model.domain.shape
        return shape

    def get_grid_x(self, grid: int, x: np.ndarray) -> np.ndarray:
        """Of the columns, or of the points."""
        domain = self._run.run.model.domain
        x[:] = domain.raster_grid.x if self._is_raster(grid) else self._places(grid)[0]
        return x

    def get_grid_y(self, grid: int, y: np.ndarray) -> np.ndarray:
        """Of the rows, from the first one of the raster on, or of the points."""
        domain = self._run.run.model.domain
        y[:] = domain.raster_grid.y if self._is_raster(grid) else self._places(grid)[1]
        return y

    def _places(self, grid: int) -> tuple[np.ndarray, np.ndarray]:
        """x and y of points."""
        domain = self._run.run.model.domain
        gauges = domain.gauges
        if grid == CELLS and domain.reaches is not None:
            gauges = pd.DataFrame(dict(zip(("x", "y"), domain.lonlat, strict=True)))
        x, y = (gauges[axis].to_numpy(float) for axis in ("x", "y"))
        number = np.arange(len(gauges), dtype=float)
        known = np.isfinite(x) & np.isfinite(y)
        return np.where(known, x, number), np.where(known, y, number)

    def get_grid_node_count(self, grid: int) -> int:
        """Number of points."""
        return self.get_grid_size(grid)

    def get_grid_edge_count(self, grid: int) -> int:
        """There are no edges."""
        one_of("grid", grid, (CELLS, GAUGES))
        return 0

    def get_grid_face_count(self, grid: int) -> int:
        """There are no faces."""
        return self.get_grid_edge_count(grid)

    def get_grid_z(self, grid: int, z: np.ndarray) -> np.ndarray:
        """Refused: grids have two axes."""
        raise NotImplementedError("the grids have no z")

    def get_grid_spacing(self, grid: int, spacing: np.ndarray) -> np.ndarray:
        """Refused: see x and y."""
        raise NotImplementedError("rectilinear grids and points have no spacing: ask for x and y")

    def get_grid_origin(self, grid: int, origin: np.ndarray) -> np.ndarray:
        """Refused: see x and y."""
        raise NotImplementedError("rectilinear grids and points have no origin: ask for x and y")

    def get_grid_edge_nodes(self, grid: int, edge_nodes: np.ndarray) -> np.ndarray:
        """Of no edges."""
        return edge_nodes

    def get_grid_face_edges(self, grid: int, face_edges: np.ndarray) -> np.ndarray:
        """Of no faces."""
        return face_edges

    def get_grid_face_nodes(self, grid: int, face_nodes: np.ndarray) -> np.ndarray:
        """Of no faces."""
        return face_nodes

    def get_grid_nodes_per_face(self, grid: int, nodes_per_face: np.ndarray) -> np.ndarray:
        """Of no faces."""
        return nodes_per_face
