"""Which pack holds where: packs by name or from files, and the file that chooses among them by place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from cordwatch_schemas.pack import Pack, Packs, load_pack, shipped_packs
from cordwatch_schemas.pack_data import NotEmpty, PackData
from cordwatch_schemas.positions import BadYaml, Fault, Placed, read_placed
from cordwatch_schemas.positions import Path as Keys

_WHERE = re.compile(rb"^where[ \t]*:", re.MULTILINE)
"""The key that tells the two kinds of file apart, however broken the rest is."""

Place = tuple[str | None, str | None]
"""Facility and ward, as messages name them; None: any."""


class PackAt(PackData):
    """One line of the choice: at this facility, this ward, or this ward of this facility, that pack."""

    facility: Annotated[str, Field(min_length=1)] | None = None
    ward: Annotated[str, Field(min_length=1)] | None = None
    pack: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.facility is None and self.ward is None:
            raise ValueError("names neither facility nor ward: that is what default is for")
        return self

    @property
    def place(self) -> Place:
        """Return the place."""
        return (self.facility, self.ward)


class PackMap(PackData):
    """The file that says which pack where."""

    default: Annotated[str, Field(min_length=1)]
    """For every other place, and where the place is not known."""
    where: Annotated[tuple[PackAt, ...], NotEmpty]


@dataclass(frozen=True)
class PackTable:
    """Several packs at once: the ward's of its facility, else the ward's, else the facility's, else the default."""

    default: Pack
    places: Mapping[Place, Pack]

    @cached_property
    def each(self) -> tuple[Pack, ...]:
        """Return every pack, the default first."""
        found = {pack.stamp: pack for pack in (self.default, *self.places.values())}
        return tuple(found.values())

    @cached_property
    def label(self) -> str:
        """Return the names and versions of all."""
        return ", ".join(pack.label for pack in self.each)

    @cached_property
    def stamp(self) -> str:
        """Return a digest of who holds where and of what each says."""
        lines = [f"{place}={pack.stamp}" for place, pack in self.places.items()]
        content = "\n".join([self.default.stamp, *sorted(lines)])
        return f"{len(self.each)} packs#{blake2b(content.encode(), digest_size=8).hexdigest()}"

    def at(self, facility: str | None, ward: str | None) -> Pack:
        """Return the pack for a place."""
        for place in ((facility, ward), (None, ward), (facility, None)):
            if place in self.places and place != (None, None):
                return self.places[place]
        return self.default


def load_packs(name_or_path: str | Path) -> Packs:
    """
    Return a pack, or the choice of packs that a file with the key `where` makes.

    Raises:
        BadYaml: one of the files is malformed; every fault of every file.
        FileNotFoundError: there is no such file.
    """
    if not is_pack_map(name_or_path):
        return load_pack(name_or_path)
    path = Path(name_or_path)
    read = read_placed(path.read_bytes(), PackMap, str(path))
    return _Reader(read).table()


def pack_sources(name_or_path: str | Path) -> list[str | Path]:
    """
    Return name or file of every pack that `load_packs` would load, which must have gone well.

    Raises:
        BadYaml, FileNotFoundError: see `load_packs`.
    """
    if not is_pack_map(name_or_path):
        return [name_or_path]
    path = Path(name_or_path)
    chosen = read_placed(path.read_bytes(), PackMap, str(path)).value
    names = dict.fromkeys([chosen.default, *(line.pack for line in chosen.where)])
    return [_source(name, path.parent) for name in names]


def _source(name: str, folder: Path) -> str | Path:
    return name if name in shipped_packs() else folder / name


def is_pack_map(name_or_path: str | Path) -> bool:
    """Return whether this is a file that says which pack where, not a pack."""
    if str(name_or_path) in shipped_packs():
        return False
    return _WHERE.search(Path(name_or_path).read_bytes()) is not None


class _Reader:
    """Loads the packs that a file names, gathering what is wrong with any of them."""

    def __init__(self, read: Placed[PackMap]) -> None:
        self._read = read
        self._folder = Path(read.filename).parent
        self._loaded: dict[str, Pack] = {}
        self._faults: list[Fault] = []
        self._bad: dict[str, BadYaml] = {}
        self._goals: dict[str, str] = {}

    def table(self) -> PackTable:
        chosen = self._read.value
        default = self._pack(chosen.default, ("default",))
        places: dict[Place, Pack] = {}
        for number, line in enumerate(chosen.where):
            pack = self._pack(line.pack, ("where", number, "pack"))
            if line.place in places:
                self._fault(("where", number), "names a place that is named before")
            if pack is not None:
                places[line.place] = pack
        if self._faults or self._bad or default is None:
            raise BadYaml(self._read.filename, self._faults, *self._bad.values())
        return PackTable(default, places)

    def _pack(self, name: str, path: Keys) -> Pack | None:
        if name in self._loaded or name in self._bad:
            return self._loaded.get(name)
        try:
            pack = load_pack(_source(name, self._folder))
        except BadYaml as error:
            self._bad[name] = error
        except OSError:
            self._fault(path, "is neither a shipped pack nor a file that can be read")
        else:
            self._compare(pack, path)
            self._loaded[name] = pack
        return self._loaded.get(name)

    def _compare(self, pack: Pack, path: Keys) -> None:
        """Refuse what alerts, stand-downs and reports could not tell apart."""
        if any(pack.label == other.label for other in self._loaded.values()):
            self._fault(
                path, f"is {pack.label}, and so is another: give it a name or version of its own"
            )
        for rule in pack.rules:
            if self._goals.setdefault(rule.id, rule.satisfied_by) != rule.satisfied_by:
                self._fault(path, f"has a rule {rule.id} for another goal than another pack")

    def _fault(self, path: Keys, reason: str) -> None:
        self._faults.append(self._read.fault(path, reason))
