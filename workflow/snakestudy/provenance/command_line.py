"""What a command or its setup names of the study: files, modules of Python, directories."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from io import StringIO

from snakestudy.errors import UserError
from snakestudy.provenance.code import module_files

Command = str | tuple[str, ...] | None

_SCRIPTS = (".py", ".sh", ".R", ".r", ".jl", ".pl", ".m")
_STUDY = re.compile(r"\$(?:STUDY_DIR|\{STUDY_DIR\})(?=/|$|:)/?")
_COPIES = frozenset(["cp", "rsync", "ln", "install", "scp"])  # all but the last are read
_ENDS = frozenset(";|&()\n")  # characters that end a simple command
_REDIRECTS = frozenset("<>")
_BEFORE = re.compile(r"if|then|elif|else|while|until|do|time|exec|[!{]|[A-Za-z_]\w*=.*", re.DOTALL)
_PASSED_OVER = frozenset([".git", ".snakemake", "__pycache__"])
_OUTPUTS = ("results", "runs", "logs", ".snakemake")


def command_files(command: Command, renames: Collection[str] = ()) -> list[str]:
    """The files of the study that a command names, relative to the study.

    Args:
        renames: names of inputs in the run directory, which are no files of the study.

    Raises:
        UserError: for a script that is not there.
    """
    named = _in_study(_words(command)) if isinstance(command, str) else command or ()
    found = []
    for word in named:
        if "/" not in word or os.path.isabs(word) or "{" in word or word in renames:
            continue
        if os.path.isfile(word):
            found.append(os.path.normpath(word))
        elif word.endswith(_SCRIPTS) and "\n" not in word:
            raise UserError(
                "is no file", key="task.command", value=word, fix="Paths start at the study."
            )
    return list(dict.fromkeys(found))


def command_modules(commands: Sequence[Command], search_path: str = "") -> list[str]:
    """The files of modules of the study that commands run by `python -m`, and what they import.

    They are looked for in the study, and in what the commands or the search path name of it.
    """
    words = [word for command in commands for word in _words(command)]
    named = _in_study([part for word in (*words, search_path) for part in re.split("[:=]", word)])
    given = (os.path.relpath(path) for path in search_path.split(":") if os.path.isabs(path))
    inside = [path for path in given if path.split("/")[0] != ".."]
    roots = [".", *filter(os.path.isdir, (*named, *inside))]
    return [file for name in _modules(words) for file in module_files(name, roots)]


def _modules(words: Sequence[str]) -> Iterator[str]:
    """The modules that some words run by `python -m`."""
    for place, word in enumerate(words):
        if not re.fullmatch(r"(?:.*/)?python[\d.]*", word):
            continue
        rest = iter(words[place + 1 :])
        for option in rest:
            if option.startswith("-m"):
                yield option[2:] or next(rest, "")
            elif option in ("-X", "-W"):
                next(rest, None)
            if not option.startswith("-") or option.startswith("-m"):
                break


def command_directories(command: Command) -> tuple[list[str], list[str]]:
    """Directories of the study that a command copies or links from; those it names otherwise."""
    read, others = [], []
    for words in _simple_commands(_words(command)):
        is_copy = os.path.basename(words[0]) in _COPIES and not {"-t", "-rt"} & {*words}
        for place, word in enumerate(words):
            for path in map(os.path.normpath, _in_study([word])):
                if os.path.isdir(path) and path.split("/")[0] not in (".", "..", *_OUTPUTS):
                    (read if is_copy and place < len(words) - 1 else others).append(path)
    return list(dict.fromkeys(read)), sorted({*others} - {*read})


def files_below(directory: str) -> list[str]:
    """All files in a directory, sorted; caches and what version control keeps are passed over."""
    found = []
    for place, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if name not in _PASSED_OVER)
        found += [
            path for name in sorted(names) if os.path.isfile(path := os.path.join(place, name))
        ]
    return found


def _words(command: Command) -> list[str]:
    """The words of a command; of bash as far as its quotes can be understood."""
    if not isinstance(command, str):
        parts = ([";", *_words(w), ";"] if "STUDY_DIR" in w else [w] for w in command or ())
        return [word for part in parts for word in part]
    text = command.replace("{{", "{").replace("}}", "}").replace("\\\n", " ")
    lexer = shlex.shlex(_Lines(text), posix=True, punctuation_chars="".join(_ENDS | _REDIRECTS))
    lexer.whitespace_split, lexer.whitespace = True, " \t\r"
    try:
        return list(lexer)
    except ValueError:  # quotes that only bash understands
        return re.split(r"[\s;|&<>()\"']+", text)


class _Lines(StringIO):
    """Text in which a comment does not take the end of its line with it."""

    def readline(self, size: int = -1, /) -> str:
        line = super().readline(size)
        self.seek(self.tell() - line.endswith("\n"))
        return line


def _in_study(words: Sequence[str]) -> list[str]:
    """The words that start with $STUDY_DIR, relative to the study."""
    return [f"./{_STUDY.sub('', word, count=1)}" for word in words if _STUDY.match(word)]


def _simple_commands(words: Sequence[str]) -> Iterator[list[str]]:
    """The commands within a line of words, without what stands before and behind each."""
    simple: list[str] = []
    is_behind = False
    for word in [*words, ";"]:
        if {*word} <= _ENDS:
            if simple:
                yield simple
            simple, is_behind = [], False
        elif {*word} <= _ENDS | _REDIRECTS:
            if not is_behind and simple and simple[-1].isdigit():
                simple.pop()  # 2> file
            is_behind = True
        elif not is_behind and (simple or not _BEFORE.fullmatch(word)):
            simple.append(word)
