"""The resources of a FHIR text, each with its place, and who they speak of: found by reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NoReturn

from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.runtime.strict_json import TwiceNamed, read_once

RESOURCES_MAX = 10_000
DEPTH_MAX = 3
"""Bundles within bundles: what was fetched is kept around what came."""

STATUS_TYPES = frozenset({"SubscriptionStatus", "Parameters"})

Resource = Mapping[str, Any]


def read_json(data: bytes) -> Any:
    """
    Return what a JSON text holds.

    Raises:
        Unreadable: it is no JSON; says where, never what stood there.
    """

    def refuse(_: str) -> NoReturn:
        raise Unreadable("json", "holds a number that JSON does not have")

    try:
        return read_once(data, refuse)
    except TwiceNamed as error:
        raise Unreadable("json", str(error)) from None
    except json.JSONDecodeError as error:
        raise Unreadable("json", f"cannot be read at character {error.pos}") from None
    except UnicodeDecodeError as error:
        raise Unreadable("json", f"is not UTF-8 at byte {error.start}") from None
    except (RecursionError, ValueError):
        raise Unreadable("json", "is nested too deeply, or a number is too long") from None


def canonical(resource: Resource) -> bytes:
    """Return a resource in one spelling, whatever way and order it came in."""
    return json.dumps(
        resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    ).encode("utf-8", "surrogatepass")


def digest_of(resource: Resource) -> str:
    """Return the id of a resource's content: pushed, searched or told twice, it is the same."""
    return sha256(canonical(resource)).hexdigest()


def key_of(resource: Resource) -> str:
    """Return `Type/id`; empty where it has no id."""
    kind, name = resource.get("resourceType"), resource.get("id")
    return f"{kind}/{name}" if isinstance(kind, str) and isinstance(name, str) and name else ""


def version_of(resource: Resource) -> str:
    """Return `Type/id/_history/version` as far as it is known."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, Mapping) else None
    key = key_of(resource) or str(resource.get("resourceType", "-"))
    return f"{key}/_history/{version}" if isinstance(version, str) and version else key


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a resource: its name, which is given once, and what it says."""

    name: str
    content: str
    """A digest of all but `meta`, which a server may add to for whoever asks."""


def stated_version(resource: Resource) -> Version | None:
    """Return which version a resource says that it is; None where it says nothing, or is a part of one."""
    meta = resource.get("meta")
    if not key_of(resource) or not isinstance(meta, Mapping) or not _is_whole(meta):
        return None
    if not isinstance(meta.get("versionId"), str) or not meta["versionId"]:
        return None
    content = {name: value for name, value in resource.items() if name != "meta"}
    return Version(version_of(resource), digest_of(content))


def _is_whole(meta: Mapping[str, Any]) -> bool:
    tags = meta.get("tag")
    listed = tags if isinstance(tags, list) else ()
    return not any(isinstance(one, Mapping) and one.get("code") == "SUBSETTED" for one in listed)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource in a text, or a place where one was deleted."""

    path: str
    resource: Resource | None
    full_url: str = ""
    is_context: bool = False
    """There only to be referred to."""
    deleted: bool = False
    timestamp: str = ""
    """When the bundle around it was made."""


def entries_of(content: Any, path: str = "", depth: int = 0) -> Iterator[Entry]:
    """
    Yield the resources of a resource, a Bundle or a list of resources, in order.

    Raises:
        Unreadable: it is none of these, or beyond the bounds.
    """
    if isinstance(content, list):
        for number, one in enumerate(content):
            yield from entries_of(one, f"{path}[{number}]", depth + 1)
        return
    if not isinstance(content, Mapping) or not isinstance(content.get("resourceType"), str):
        raise Unreadable(f"{path or 'json'}", "is no FHIR resource")
    if content["resourceType"] != "Bundle":
        yield Entry(path or content["resourceType"], content)
        return
    if depth > DEPTH_MAX:
        raise Unreadable(path, "bundles within bundles within bundles")
    bundle = Element(content, f"{path}.Bundle".lstrip("."))
    timestamp = bundle.text("timestamp")
    listed = content.get("entry") or []
    if not isinstance(listed, list) or len(listed) > RESOURCES_MAX:
        raise Unreadable(f"{bundle.path}.entry", f"is no list of at most {RESOURCES_MAX} entries")
    for number, entry in enumerate(listed):
        place = f"{bundle.path}.entry[{number}]"
        if not isinstance(entry, Mapping):
            raise Unreadable(place, "is not an object")
        yield from _entry(Element(entry, place), timestamp, depth)


def _entry(entry: Element, timestamp: str, depth: int) -> Iterator[Entry]:
    inner, request, search = entry.one("resource"), entry.one("request"), entry.one("search")
    mode = search.text("mode") if search else ""
    context = mode in {"include", "outcome"}
    if inner is None:
        deleted = request is not None and request.text("method") == "DELETE"
        url = entry.text("fullUrl") or (request.text("url") if request is not None else "")
        yield Entry(entry.path, None, url, deleted=deleted, timestamp=timestamp)
    elif inner.type == "Bundle":
        for one in entries_of(inner.value, entry.path, depth + 1):
            # What was fetched for a text, its earlier versions too, says nothing by itself.
            yield replace(one, is_context=True) if context else one
    elif not inner.type:
        raise Unreadable(f"{entry.path}.resource", "is no FHIR resource")
    else:
        context = context or inner.type in STATUS_TYPES
        yield Entry(
            f"{entry.path}.resource",
            inner.value,
            entry.text("fullUrl"),
            context,
            timestamp=timestamp,
        )


def base_of(full_url: str, resource: Resource) -> str:
    """Return the base address in a full URL, empty where it has none."""
    key = key_of(resource)
    if key and full_url.startswith(("http://", "https://")) and full_url.endswith(f"/{key}"):
        return full_url[: -len(key) - 1]
    return ""


@dataclass(slots=True)
class Context:
    """
    What resources may refer to, and what they referred to in vain.

    `missing` is asked for by a gateway that can fetch; then the whole is read
    again. Without one it stays a gap, and what needs it is a fault.
    """

    base: str = ""
    known: Callable[[str], Resource | None] = lambda _: None
    index: dict[str, Resource] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    histories: set[str] = field(default_factory=set)
    """`Type/id/_history` that would tell more; without it nothing is a fault that was none."""
    _versions: dict[str, list[Resource]] = field(default_factory=dict)

    def learn(self, entry: Entry) -> None:
        """Remember a resource; of several versions the one that was updated last."""
        resource = entry.resource
        if resource is None:
            return
        if entry.is_context and key_of(resource):
            self._versions.setdefault(key_of(resource), []).append(resource)
        for name in {key_of(resource), entry.full_url} - {""}:
            held = self.index.get(name)
            if held is None or _updated(resource) >= _updated(held):
                self.index[name] = resource

    def find(self, reference: str, within: Resource, *, ask: bool = True) -> Resource | None:
        """Return what *reference* means in *within*, None if it is not here (*ask*: note that)."""
        if reference.startswith("#"):
            return _contained(reference[1:], within)
        found = self.index.get(reference)
        if found is not None:
            return found
        key = self.local(reference)
        if not key:
            return None
        found = self.index.get(key) or self.known(key)
        if found is None and ask:
            self.missing.add(key)
        return found

    def versions(self, key: str) -> list[Resource]:
        """Return the versions of a resource that were fetched, in their order; none are here: note that."""
        if key not in self._versions and key:
            self.histories.add(f"{key}/_history")
        return sorted(self._versions.get(key, ()), key=_updated)

    def local(self, reference: str) -> str:
        """Return `Type/id` of a reference to this server; empty if it points elsewhere."""
        plain = reference.partition("/_history/")[0]
        if plain.startswith(("http://", "https://")):
            if not self.base or not plain.startswith(f"{self.base}/"):
                return ""
            plain = plain[len(self.base) + 1 :]
        kind, _, name = plain.partition("/")
        good = kind.isalpha() and kind.isascii() and bool(name) and is_id(name)
        return plain if good else ""


def is_id(name: str) -> bool:
    """Return whether *name* may be a logical id: nothing that could lead a URL astray."""
    return (
        0 < len(name) <= 64  # noqa: PLR2004 - FHIR's own bound
        and name.isascii()
        and all(one.isalnum() or one in "-." for one in name)
        and name.strip(".") != ""
    )


def _updated(resource: Resource) -> str:
    meta = resource.get("meta")
    found = meta.get("lastUpdated") if isinstance(meta, Mapping) else ""
    return found if isinstance(found, str) else ""


def _contained(name: str, within: Resource) -> Resource | None:
    listed = within.get("contained")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and one.get("id") == name:
            return one
    return None
