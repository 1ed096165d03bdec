"""Text files: bytes to lines, whatever system and program wrote them; the only place that does it.

UTF-8 with or without a byte order mark and UTF-16 with one are read, and lines end with LF, CR LF
or CR. A control character within a line, such as a form feed, ends none.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from gridhydro.base.files import existing

# the longer marks first: that of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_END_OF_FILE = "\x1a"  # written behind the text by programs of DOS


def read_text(path: str | Path, *, western: bool = False) -> str:
    """The text of a file, its lines ending with LF.

    western  bytes that are not UTF-8 are those of Windows-1252, where a data set is known to be so
    FileNotFoundError; ValueError naming line and character of bytes in another encoding, and of
    what is no text.
    """
    path = existing(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, a text file is needed")
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if not western:
            raise ValueError(_not_unicode(content, error, encoding, path)) from None
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip(_END_OF_FILE)
    _refuse_null(text, path)
    return text


def read_lines(path: str | Path, *, western: bool = False) -> list[str]:
    """The lines of a text file, without their ends; see `read_text`."""
    lines = read_text(path, western=western).split("\n")
    return lines if lines[-1] else lines[:-1]


def _refuse_null(text: str, path: Path) -> None:
    null = text.find("\0")
    if null >= 0:
        raise ValueError(
            f"{path}, {_place(text, null)}: a null character, which no text has: is it UTF-16 "
            "without its mark, or no text file at all? Write it anew in UTF-8"
        )


def _place(text: str, at: int) -> str:
    before = text[:at]
    return f"line {before.count(chr(10)) + 1}, character {at - before.rfind(chr(10))}"


def _not_unicode(content: bytes, error: UnicodeDecodeError, encoding: str, path: Path) -> str:
    if not encoding.startswith("utf-8"):
        return f"{path} begins as {encoding.upper()} does, but is not: it is cut off or damaged"
    good = content[: error.start].decode("utf-8", "replace").replace("\r\n", "\n")
    good = good.replace("\r", "\n")
    _refuse_null(good, path)
    place = _place(good, len(good))
    return (
        f"{path}, {place}: the byte 0x{content[error.start]:02x} is not UTF-8: convert "
        "the file, for example with iconv -f latin1 -t utf-8"
    )
