"""A domain file is read in every encoding that says which it is, and refused by line else."""

import pytest

from gridhydro.config.load import load

FILE = """# Rhône
[domain]
flow_direction = "none.tif"
coding = "esri"

[[gauges]]
name = "A"
discharge = "q.csv"

[attributes.height]
file = "none.tif"

[forcing.precipitation]
constant = 1.0

[training]
period = {period}
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_domain_files_of_all_systems_are_read(encoding, end, tmp_path):
    path = tmp_path / "d.toml"
    text = FILE.format(period='["2000", "2001"]').replace("\n", end)
    path.write_bytes(text.encode(encoding))
    with pytest.raises(FileNotFoundError, match=r"\[\[gauges\]\] A: discharge: there is no file"):
        load(path, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (FILE.encode("latin-1"), r"d\.toml, line 1, character 5: the byte 0xf4 is not UTF-8"),
        (FILE.encode("utf-16-le"), r"d\.toml, line 1, character 2: a null character"),
        (FILE.encode("utf-16")[:-1], r"d\.toml begins as UTF-16 does"),
        (b"a = 1\n b\nc = 2\n", r"d\.toml is not valid TOML: .*line 2"),
    ],
)
def test_domain_files_in_other_encodings_are_refused(content, message, tmp_path):
    path = tmp_path / "d.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(path, tmp_path)
