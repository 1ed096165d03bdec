"""Files and values damaged at random, the same for the same seed."""

import warnings
from pathlib import Path

import numpy as np
import xarray as xr

# names that someone might give a gauge, a variable or a file
ODD_NAMES = (
    "", " ", ".", "..", "../up", "../../etc/passwd", "/abs", "a/b", "a\\b", "C:\\a", "-rf",
    "--help", "=cmd|' /C calc'!A0", "+1", "@sum", "a\nb", "a\tb", "a\rb", "nul", "CON",
    "aux.nc", "*", "?", "~", "$HOME", "`id`", "a;b", "a,b", 'a"b', "a'b", "%s%n", "{0}",
    "n" * 300, "x" * 5000, "ж", "河川", "e\u0301", "\u202egnp", "\ufeff", "🌊", "time", "gauge",
    "None", "nan", "true", "0", "1e5", "#a",
)  # fmt: skip
ODD_TEXTS = (
    *ODD_NAMES, "-9999", "1e400", "-1e30", "NaN", "inf", "-inf", "0x10", "1_000", "1,5", "1.2.3",
    "--", "2001-02-30", "9999-12-31", "0000-00-00", "1600-01-01", "2001-01-01T25:00", "01/02/2001",
    "2262-04-12", "99999999999999999999", "٣", "½", "1e-320", "a\x00b", "\x1a", "\x85", "\u2028",
)  # fmt: skip
ODD_NUMBERS = (
    0, -1, 1, 2**31, -(2**31), 2**63, 10**30, 0.5, -0.0, 1e-320, 1e30, -1e30, 1e308, 9999, -999,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
ODD_VALUES = (
    *ODD_NUMBERS, *ODD_TEXTS, True, False, [], {}, [[]], [{}], [1, "a"], ["a"] * 3, [1.5] * 40,
    {"": 1}, {"a": {"b": {"c": []}}}, {"kind": "mlp"}, [float("nan")] * 2,
)  # fmt: skip
ODD_UNITS = (
    "", " ", "-", "1", "K", "furlong", "mm", "m s-1", "kg m-2 s-1", "%", "m3 s-1", "mm d-1 d-1",
    "mm/", "m^", "days since 2000-01-01", "days since", "months since 2000-01-01", "µ", "1e400 m",
    "days since 0000-00-00", "hours since 9999-12-31", "seconds since yesterday",
    "(" * 50, "m" * 999,
)  # fmt: skip


def pick(rng, among):
    """One of these."""
    return among[int(rng.integers(len(among)))]


def damage_bytes(content: bytes, rng) -> bytes:
    """Bytes changed, cut off, left out, doubled or put in, once or several times."""
    found = bytearray(content)
    for _ in range(int(pick(rng, (1, 1, 1, 2, 4, 16)))):
        size = max(len(found), 1)
        at, length = int(rng.integers(size)), int(pick(rng, (1, 2, 4, 8, 64, 512)))
        piece = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        match int(rng.integers(7)):
            case 0 | 1:
                found[at : at + length] = piece
            case 2:
                found[at : at + 1] = (
                    bytes([found[at] ^ (1 << int(rng.integers(8)))]) if found else b""
                )
            case 3:
                del found[at:]
            case 4:
                del found[at : at + length]
            case 5:
                found[at:at] = found[at : at + length]
            case 6:
                found[at : at + length] = bytes([pick(rng, (0, 255, 127))]) * length
    return bytes(found)


def damage_text(content: bytes, rng) -> bytes:
    """Lines and cells of a text changed, or its encoding."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(int(pick(rng, (1, 1, 2, 3)))):
        at = int(rng.integers(len(lines)))
        mark = pick(rng, [m for m in ",;\t= " if m in lines[at]] or [","])
        cells = lines[at].split(mark)
        cell = int(rng.integers(len(cells)))
        match int(rng.integers(9)):
            case 0 | 1 | 2:
                cells[cell] = pick(rng, ODD_TEXTS)
                lines[at] = mark.join(cells)
            case 3:
                del lines[at : at + int(pick(rng, (1, 1, 3, 1000)))]
            case 4:
                lines[at:at] = lines[at : at + 3]
            case 5:
                lines[at] = mark.join(cells[:cell])
            case 6:
                lines[at] = lines[at] + mark + pick(rng, ODD_TEXTS)
            case 7:
                other = int(rng.integers(len(lines)))
                lines[at], lines[other] = lines[other], lines[at]
            case 8:
                lines[at] = lines[at].replace(mark, pick(rng, (";", "\t", "|", "  ", "\0", "\n")))
        lines = lines or [""]
    text = "\n".join(lines)
    encoding = pick(rng, ("utf-8",) * 6 + ("utf-16", "utf-16-le", "utf-8-sig", "cp1252", "utf-7"))
    return text.encode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")


def damage_dataset(data: xr.Dataset, rng) -> xr.Dataset:
    """A Dataset with other names, types, units, axes or values."""
    for _ in range(int(pick(rng, (1, 1, 2, 3)))):
        names = [str(n) for n in data.variables]
        if not names:
            return data
        name, dim = pick(rng, names), pick(rng, list(data.dims) or [""])
        match int(rng.integers(13)):
            case 0:
                data = data.rename({name: pick(rng, ODD_NAMES)})
            case 1:
                data = data.drop_vars(name)
            case 2:
                key = pick(rng, ("units", "units", "calendar", "missing_value", "scale_factor",
                                 "_FillValue", "add_offset", "valid_range", "bounds"))  # fmt: skip
                odd = ODD_UNITS if key in ("units", "calendar") else (*ODD_NUMBERS[:3], "a", [1, 2])
                data[name].encoding = {}
                data[name].attrs[key] = pick(rng, odd)
            case 3:
                data[name].attrs, data[name].encoding = {}, {}
            case 4:
                values = np.array(data[name].values, object if rng.random() < 0.2 else None)
                if values.size:
                    where = rng.random(values.shape) < pick(rng, (0.02, 0.5, 1.0))
                    values = values.astype(float) if values.dtype.kind in "iufb" else values
                    values[where] = pick(rng, ODD_NUMBERS)
                    data[name] = (data[name].dims, values, data[name].attrs)
            case 5:
                kind = pick(
                    rng, (str, np.int8, np.int64, bool, np.float32, "M8[ns]", "m8[ns]", "U1")
                )
                data[name] = data[name].astype(kind)
            case 6:
                data = data.transpose(*reversed(data[name].dims), ...)
            case 7:
                data = data.expand_dims(
                    {pick(rng, ("member", "z", "x2", *ODD_NAMES)): pick(rng, (1, 2))}
                )
            case 8 if dim:
                size = data.sizes[dim]
                places = pick(
                    rng, ([], [0], [0] * 3, list(range(size))[::-1], rng.permutation(size))
                )
                data = data.isel({dim: places}) if size else data
            case 9 if dim:
                data = data.drop_vars(dim, errors="ignore")
            case 10 if dim:
                other = rng.normal(0, pick(rng, (1, 1e6)), data.sizes[dim])
                data = data.assign_coords({dim: other})
            case 11 if dim:
                data = data.assign_coords(
                    {dim: [pick(rng, ODD_NAMES) for _ in range(data.sizes[dim])]}
                )
            case 12 if dim:
                data = data.rename({dim: pick(rng, ("lon", "gauge", "time", "y", *ODD_NAMES))})
    return data


def damage_value(content, rng):
    """A nested value, as TOML or JSON has it, with one of its parts changed or taken away."""
    if isinstance(content, dict) and content:
        key, kind = pick(rng, list(content)), rng.random()
        rest = {k: v for k, v in content.items() if k != key}
        if kind < 0.06:
            return rest
        if kind < 0.1:
            return rest | {pick(rng, ODD_NAMES): content[key]}
        if kind < 0.2 and not isinstance(content[key], dict):
            return rest | {key: pick(rng, ODD_VALUES)}
        return content | {key: damage_value(content[key], rng)}
    if isinstance(content, list) and content and rng.random() < 0.6:
        at = int(rng.integers(len(content)))
        return [*content[:at], damage_value(content[at], rng), *content[at + 1 :]]
    return pick(rng, ODD_VALUES)


def damage_file(path: Path, rng) -> None:
    """Change a file: by its bytes, its lines, or what stands in a NetCDF file."""
    kinds = {".nc": _damage_netcdf, ".h5": None, ".tif": None, ".safetensors": None}
    special = kinds.get(path.suffix, _damage_lines)
    if special is None or rng.random() < 0.4:
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
    else:
        special(path, rng)


def _damage_lines(path: Path, rng) -> None:
    path.write_bytes(damage_text(path.read_bytes(), rng))


def _damage_netcdf(path: Path, rng) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decode = bool(rng.random() < 0.5)
        with xr.open_dataset(path, decode_times=decode, mask_and_scale=decode) as data:
            data = data.load()
        beside = path.with_suffix(".other")
        try:
            damage_dataset(data, rng).to_netcdf(beside)
        except Exception:  # what xarray does not write cannot be met in a file
            beside.unlink(missing_ok=True)
            path.write_bytes(damage_bytes(path.read_bytes(), rng))
            return
    beside.replace(path)
