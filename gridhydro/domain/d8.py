"""Flow-direction rasters: from the codes of each tradition to the cell each cell drains to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAVES = -1  # water leaves the raster here
NO_CELL = -2  # no data: not part of any river
UNKNOWN = -3  # a code that the coding does not have
_OUTSIDE = -4  # points over the edge of the raster; never handed out

# (north, east) of the eight neighbours, clockwise from north
_CLOCKWISE = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))


@dataclass(frozen=True)
class Coding:
    """A coding of flow directions.

    `clockwise` are the codes of N, NE, E, SE, S, SW, W and NW. Cells with a code of `ends` are land
    where the water leaves (river mouth or inland sink); codes of `missing` are no land.
    """

    clockwise: tuple[int, ...]
    ends: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    @property
    def known(self) -> tuple[int, ...]:
        """All codes that the coding has."""
        return (*self.clockwise, *self.ends, *self.missing)


_KEYPAD = (8, 9, 6, 3, 2, 1, 4, 7)

CODINGS = {
    # HydroSHEDS, MERIT Hydro, ArcGIS, pysheds; 255 and 247 are -1 and -9 in unsigned bytes
    "esri": Coding((64, 128, 1, 2, 4, 8, 16, 32), ends=(0, 255, -1), missing=(247, -9)),
    # PCRaster, LISFLOOD, wflow, CWatM: the mouth is the last land cell
    "ldd": Coding(_KEYPAD, ends=(5,), missing=(255,)),
    # the HD model: 5 inland sink, 0 the sea cell before a mouth, -1 the sea
    "keypad": Coding(_KEYPAD, ends=(5,), missing=(0, -1)),
    # WaterGAP's DDM30 as a keypad: 5 sink, -1 inland sink, 0 land draining into the ocean
    "watergap": Coding(_KEYPAD, ends=(5, -1, 0)),
    # DDM30 as ISIMIP writes it: from east clockwise, 0 ocean outlet, -1 inland sink, 9 added cells
    "ddm30": Coding((7, 8, 1, 2, 3, 4, 5, 6), ends=(0, -1, 9)),
    # SMASH: from north clockwise, 0 where water leaves
    "smash": Coding((1, 2, 3, 4, 5, 6, 7, 8), ends=(0,)),
    # r.watershed: from north-east counter-clockwise, 0 depression, negative leaves the region
    "grass": Coding((2, 1, 8, 7, 6, 5, 4, 3), ends=(0, *range(-8, 0))),
    # WhiteboxTools' D8Pointer: powers of two clockwise from north-east, 0 without a lower neighbour
    "whitebox": Coding((128, 1, 2, 4, 8, 16, 32, 64), ends=(0,), missing=(-32768,)),
    # TauDEM: from east counter-clockwise, 0 flat
    "taudem": Coding((3, 2, 1, 8, 7, 6, 5, 4), ends=(0,), missing=(-32768,)),
    # SAGA's flow directions: from north clockwise, 0 is north, -1 without a lower neighbour
    "saga": Coding((0, 1, 2, 3, 4, 5, 6, 7), ends=(-1,), missing=(-99999,)),
    # TRIP: from north clockwise, 9 river mouth, 10 inland basin, 0 the sea
    "trip": Coding((1, 2, 3, 4, 5, 6, 7, 8), ends=(9, 10), missing=(0,)),
}
# CaMa-Flood: not a code but the one-based column and row of the next cell
NEXTXY = "nextxy"
NEXTXY_OUTLET, NEXTXY_NO_CELL = -9, -9999
_NEXTXY_ENDS = (NEXTXY_OUTLET, -10)
NAMES = (*CODINGS, NEXTXY)


def check_coding(coding: str) -> str:
    """The coding's name in lower case; ValueError with the names there are if it is none."""
    name = str(coding).lower()
    if name not in NAMES:
        raise ValueError(
            f"there is no flow-direction coding '{coding}'; there are {', '.join(NAMES)}"
        )
    return name


def meanings(coding: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The codes of a coding where water leaves, and those of the eight directions if it has any."""
    if coding == NEXTXY:
        return _NEXTXY_ENDS, ()
    return CODINGS[coding].ends, CODINGS[coding].clockwise


def targets(codes, coding: str, *, y_down=True, x_right=True, wraps=False, mask=None):
    """The cell that every cell drains to.

    codes    (rows, cols), or (2, rows, cols), next column and row, for "nextxy"; NaN is no data
    y_down   rows run from north to south, x_right columns from west to east
    wraps    the last column has the first one as its neighbour
    mask     (rows, cols) bool, cells outside are taken as no data
    Returns `target` (rows * cols,) int64, a cell number row * cols + col or LEAVES, NO_CELL or
    UNKNOWN; and `strayed`, the cells made LEAVES as they point out of the raster or to no data.
    """
    codes = np.asarray(codes)
    if coding == NEXTXY:
        target = _next_cell(codes, y_down, x_right)
    else:
        target = _neighbour(codes, CODINGS[coding], y_down, x_right, wraps)
    if mask is not None:
        target[~np.asarray(mask, dtype=bool).ravel()] = NO_CELL
    pointing = np.flatnonzero((target >= 0) | (target == _OUTSIDE))
    onto = target[pointing]
    lost = (onto == _OUTSIDE) | (target[np.where(onto < 0, 0, onto)] == NO_CELL)
    strayed = pointing[lost]
    target[strayed] = LEAVES
    return target, strayed


def _neighbour(codes, coding, y_down, x_right, wraps):
    rows, cols = codes.shape
    target = np.full(codes.shape, UNKNOWN, dtype=np.int64)
    if codes.dtype.kind == "f":
        target[np.isnan(codes)] = NO_CELL
    target[np.isin(codes, coding.missing)] = NO_CELL
    target[np.isin(codes, coding.ends)] = LEAVES
    for code, (north, east) in zip(coding.clockwise, _CLOCKWISE, strict=True):
        row, col = np.nonzero(codes == code)
        to_row = row + (-north if y_down else north)
        to_col = col + (east if x_right else -east)
        if wraps:
            to_col %= cols
        inside = (to_row >= 0) & (to_row < rows) & (to_col >= 0) & (to_col < cols)
        target[row, col] = np.where(inside, to_row * cols + to_col, _OUTSIDE)
    return target.ravel()


def _next_cell(codes, y_down, x_right):
    if codes.ndim != 3 or codes.shape[0] != 2:
        raise ValueError(
            "nextxy needs the next column and the next row stacked, (2, rows, cols), "
            f"not {codes.shape}"
        )
    _, rows, cols = codes.shape
    gone = np.isnan(codes).any(0) if codes.dtype.kind == "f" else np.zeros((rows, cols), bool)
    next_col, next_row = np.where(gone, NEXTXY_NO_CELL, codes).astype(np.int64)
    # the numbers are counted from the north-west corner, however the raster is stored
    row = next_row - 1 if y_down else rows - next_row
    col = next_col - 1 if x_right else cols - next_col
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    target = np.where(inside, row * cols + col, _OUTSIDE)
    target[(next_col < 0) | (next_row < 0)] = UNKNOWN
    target[np.isin(next_col, _NEXTXY_ENDS)] = LEAVES
    target[next_col == NEXTXY_NO_CELL] = NO_CELL
    return target.ravel()


def larger_raster(codes, y_down=True, x_right=True) -> tuple[int, int] | None:
    """The rows and columns by which the numbers of "nextxy" are off, as in a part of a larger
    raster; None if they are not.

    codes  (2, rows, cols), next column and row; NaN is no data
    """
    next_col, next_row = np.where(np.isnan(codes), NEXTXY_NO_CELL, codes).astype(np.int64)
    row, col = np.nonzero((next_col > 0) & (next_row > 0))
    if row.size < 4:
        return None
    own = row if y_down else codes.shape[1] - 1 - row, col if x_right else codes.shape[2] - 1 - col
    steps = np.array([next_row[row, col] - 1 - own[0], next_col[row, col] - 1 - own[1]])
    middle = np.round(np.median(steps, axis=1)).astype(int)

    def sound(off):
        away = np.abs(steps - np.reshape(off, (2, 1))).max(axis=0)
        return float(np.mean((away > 0) & (away <= 1)))  # to a neighbour, and not to itself

    best = max(np.ndindex(3, 3), key=lambda near: sound(middle + near - 1))
    off = middle + best - 1
    if off.any() and sound(off) > 0.95 and sound((0, 0)) < 0.9 * sound(off):
        return int(off[0]), int(off[1])
    return None


def fitting(codes) -> list[str]:
    """The codings that have all of these codes."""
    found = {int(code) for code in codes if code == int(code)}
    return [name for name, coding in CODINGS.items() if found <= set(coding.known)]
