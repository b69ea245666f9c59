"""Text tables: csv, tsv, white-space columns. Which line is their header is decided here alone.

A header is a line of names: words with a letter that are neither number nor date. Where that is not
sure, the table is refused, for a row taken for a header is a row lost.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from snakestudy.tables.pieces import Tokens, token_type
from snakestudy.values import parse_number

TextColumns = dict[str, Tokens]

_NUMBER_LIKE = re.compile(r"[\d.:/,+\-TZ ]*")  # dates, times, versions, numbers of any kind
_WORD = re.compile(r'"(?:[^"\\]|\\.|"")*"(?=\s|$)|[^ \t\v\f]+')
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_CURE_FORM = "write it so, or read it with a `reader`"
_OTHER_COMMENTS = ("%", "!", "//", "@", "&")  # Matlab's, Fortran's, C's, xvg's
_CURE = "write `columns: [...]` in the metric to name the columns, or read the file with a `reader`"


def read_text_table(
    text: str, separator: str | None = None, names: Sequence[str] | None = None
) -> TextColumns:
    """A text table as columns.

    Args:
        text: with a header line; `separator` None means white space, where columns without a
            header are called c0, c1, ...; a header may stand behind `#`.
        separator: the character between columns; instead of a comma, what the first line has.
        names: of the columns; then no line is a header, unless it says the same.

    Raises:
        ValueError: if no header can be told for sure, a column is doubled or unnamed, or a line
            is too long or too short.
    """
    if separator is None:
        found, rows = _spaced(text, names)
        header_of = _white_space_header
    else:
        found, rows = _separated(text, separator)
        header_of = _separated_header
    if names is not None:
        header = list(names)
        first = _stripped(rows[0]) if rows else []
        if first != header and _is_header(first, rows[1:]):
            problem = f"the first line names {first}, `columns` in the metric {header}"
            raise ValueError(f"{problem}: write the same names, or read the file with a `reader`")
        rows = rows[1:] if first == header else rows
    else:
        header, rows = header_of(rows, found)
    if names is None and _has_row_names(header, rows, text):
        header = ["", *header]
    return _columns(header, rows)


def _has_row_names(header: list[str], rows: list[list[str]], text: str) -> bool:
    """Whether the rows begin with a name that the header does not tell, as R writes it.

    That is sure if it is in quotes, or is no number; a row may have a field too many.
    """
    if not rows or any(len(row) != len(header) + 1 for row in rows):
        return False
    if not any(row[-1].strip() for row in rows):
        raise ValueError("the lines end with a separator and the header does not")
    lines = [line for line in text.splitlines() if line.strip() and not _is_comment(line)]
    names = {row[0] for row in rows}
    are_names = len(names) == len(rows) and all(map(is_name, names))
    return are_names or all(line.lstrip().startswith('"') for line in lines)


def _columns(header: list[str], rows: list[list[str]]) -> TextColumns:
    for position, row in enumerate(rows, start=1):
        if len(row) != len(header):
            problem = f"row {position} has {len(row)} fields, the header {len(header)}"
            raise ValueError(f"{problem}; {_CURE}")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    if len(header) > 1 and not header[-1] and not any(map(str.strip, columns[-1])):
        header, columns = header[:-1], columns[:-1]  # each line ends with a separator
    if len(header) > 1 and not header[0]:
        if not all(map(str.strip, columns[0])):
            raise ValueError("the first column has no name and is empty: a second header line?")
        if list(columns[0]) == [str(number) for number in range(len(rows))]:
            header, columns = header[1:], columns[1:]  # the index that pandas has by default
        else:
            header = ["index", *header[1:]]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if "" in header:
        raise ValueError("a column has no name")
    if doubled:
        raise ValueError(f"column {doubled[0]!r} is doubled")
    pairs = zip(header, columns, strict=True)
    return {name: Tokens(map(_token, column)) for name, column in pairs}


def _token(field: str) -> str | None:
    """A field's text; spaces around it belong to texts, not to values of any other kind."""
    bare = field.strip()
    is_text = not bare or (bare != field and token_type([bare]) == "string")
    return (field if is_text else bare) or None


def is_name(word: str) -> bool:
    """Whether a word can be a column's name, and is no value.

    >>> [is_name(word) for word in ("t", "E(eV)", "2theta", "1e3", "NA", "2024-01-01", "-", "true")]
    [True, True, True, False, False, False, False, False]
    """
    is_value = _NUMBER_LIKE.fullmatch(word) or token_type([word.strip("()")]) != "string"
    return not is_value and any(character.isalpha() or character == "_" for character in word)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _spaced(text: str, names: Sequence[str] | None) -> tuple[list[list[str]], list[list[str]]]:
    """What the lines behind `#` before the first row say, and the rows, split at white space."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line for line in lines if line.strip()]
    start = next((at for at, line in enumerate(lines) if not _is_comment(line)), len(lines))
    heads = [_split([line.lstrip("# \t")]) for line in lines[:start]]
    lines = [line for line in lines[start:] if not _is_comment(line)]
    for line in lines:
        if line.lstrip().startswith(_OTHER_COMMENTS):
            problem = f"the line {line.strip()[:60]!r} may be a comment or a row"
            raise ValueError(f"{problem}; comments begin with '#'; read the file with a `reader`")
    rows = _split(lines)
    if names is None or len(names) > 1:
        _check_no_separator(lines, rows)
    return [words[0] for words in heads if words], rows


def _check_no_separator(lines: list[str], rows: list[list[str]]) -> None:
    """Refuse lines whose words are separated by more than white space."""
    for char, name in ((",", "commas"), (";", "semicolons")):
        counts = {line.count(char) for line in lines}
        if len(counts) != 1 or counts == {0} or any('"' in line for line in lines):
            continue
        if all(len(row) <= line.count(char) + 1 for row, line in zip(rows, lines, strict=True)):
            raise ValueError(f"it looks separated by {name}; call the file .csv")


def _separated(text: str, separator: str) -> tuple[list[list[str]], list[list[str]]]:
    """What the lines behind `#` before the first row say, and the rows."""
    text = text.lstrip("\n\r")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    comments = []
    while text.startswith("#"):
        line, _, text = text.partition("\n")
        comments.append(line.lstrip("# \t").rstrip("\r"))
    first = text.partition("\n")[0]
    lines = [first, *reversed(comments)]
    if separator == "," and not any("," in line for line in lines):
        separator = next((char for char in ";\t" if any(char in line for line in lines)), ",")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ValueError(str(error)) from None
    if separator == ";" and any(_DECIMAL_COMMA.fullmatch(field) for row in rows for field in row):
        raise ValueError("numbers have commas for points; read the file with a `reader`")
    if len(rows) > 1 and all(len(row) == 1 for row in rows) and '"' not in text:
        for char in ",;|\t":
            counts = {row[0].count(char) for row in rows}
            if len(counts) == 1 and counts != {0}:
                raise ValueError(f"it looks separated by {char!r}, not {separator!r}; {_CURE_FORM}")
    heads = [next(csv.reader([line], delimiter=separator), []) for line in comments]
    return [_stripped(head) for head in heads], rows


def _separated_header(
    rows: list[list[str]], comments: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """The first line that is one of names, else what a comment above names."""
    first = _stripped(rows[0]) if rows else []
    named = first[1:] if len(first) > 1 and not first[0] else first  # pandas names no index
    numbered = [str(number) for number in range(len(named))]
    if first and (
        all(map(_is_name_or_empty, named)) or (len(named) < len(first) and named == numbered)
    ):
        if len(first) == 1 and _is_split_by_spaces(first[0], rows[1:]):
            raise ValueError("columns are separated by spaces; call the file .dat, say")
        return first, rows[1:]
    width = len(first)
    for words in reversed(comments):
        if all(map(is_name, words)) and (len(words) == width or not rows):
            return words, rows
    if not rows:
        raise ValueError("the file is empty; it needs a header line")
    no_name = next(word for word in named if not _is_name_or_empty(word))
    raise ValueError(f"it needs a header line; in the first, {no_name!r} is no name: {_CURE}")


def _is_name_or_empty(word: str) -> bool:
    return not word or is_name(word)


def _is_split_by_spaces(header: str, rows: list[list[str]]) -> bool:
    words = len(header.split())
    return (
        words > 1
        and bool(rows)
        and all(
            len(row) == 1 and len(row[0].split()) == words and _are_numbers(row[0].split())
            for row in rows
        )
    )


def _white_space_header(
    rows: list[list[str]], comments: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """The first line if it names columns of numbers, else what a comment names, else c0, c1, ..."""
    named = [words for words in reversed(comments) if all(map(is_name, words))]
    if not rows:
        return (named[0] if named else []), []
    width = len(rows[0])
    rest = rows[1:]
    fits = {len(row) for row in rest} in ({width}, {width + 1})
    if _is_header(rows[0], rest):
        return rows[0], rest
    for words in named:
        if len(words) == width:
            return words, rows
    if all(map(is_name, rows[0])):
        if rest and not fits:
            return rows[0], rest  # and which line does not fit is told
        raise ValueError(f"the first line may be a header or a row; {_CURE}")
    return [f"c{number}" for number in range(width)], rows


def _is_header(first: list[str], rest: list[list[str]]) -> bool:
    """Whether a line is one of names for sure: each column below it is of values that are no text.

    A column of texts might go on in it, and it would depend on the task. Names of rows (R) are one
    column more than the header names, which tells it by itself.
    """
    widths = {len(row) for row in rest}
    if widths not in ({len(first)}, {len(first) + 1}) or not all(map(is_name, first)):
        return False
    columns = list(zip(*rest, strict=True))
    if widths == {len(first) + 1}:
        return any(map(_are_numbers, columns))
    return any(map(_are_numbers, columns)) and all(token_type(c) != "string" for c in columns)


def _are_numbers(texts: Sequence[str]) -> bool:
    return token_type(texts) not in ("string", "null")


def _split(lines: list[str]) -> list[list[str]]:
    """Words of lines; quotes hold one together, parentheses around numbers (OpenFOAM's) go."""
    text = "\n".join(lines)
    if '"' in text:
        return [[_unquoted(word) for word in _WORD.findall(line)] for line in lines]
    rows = [line.split() if text.isascii() else _WORD.findall(line) for line in lines]
    if "(" not in text:
        return rows
    return [_flat(row) for row in rows]


def _unquoted(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] == '"':
        return word[1:-1].replace('\\"', '"').replace('""', '"')
    return word


def _flat(words: list[str]) -> list[str]:
    """The words of a line, vectors in parentheses as their numbers."""
    bare = " ".join(words).replace("(", " ").replace(")", " ").split()
    return bare if bare and all(not isinstance(parse_number(word), str) for word in bare) else words


def _stripped(row: list[str]) -> list[str]:
    return [field.strip() for field in row]


def parse_numbers(texts: Sequence[str | None]) -> list[Any]:
    """A column of texts by itself as numbers if every one that is not empty reads as a number.

    >>> parse_numbers(["1", "2.5", ""]), parse_numbers(["1", "a"])
    ([1, 2.5, None], ['1', 'a'])
    >>> parse_numbers(["true", "false"])
    [True, False]
    """
    if set(texts) <= {"true", "false", "True", "False"}:
        return [text in ("true", "True") for text in texts]
    values = [parse_number(text or "") for text in texts]
    if any(isinstance(value, str) for value in values):
        return [text or None for text in texts]
    return values
