"""
Certificates that are replaced on the disk while a process runs: the next connection is made with the new ones.

Whoever issues them (cert-manager, Vault, a person) only writes files. Nobody
tells the process, and nothing waits for a timer here: the files are looked at
whenever a connection is made, and read when they are others than before. New
ones that cannot be used, as when only one half of a pair is there yet, leave
the old ones in force (docs/adr/0024-certificates-are-read-anew.md).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from cordwatch.runtime.cipher_suites import harden
from cordwatch.runtime.logging import get_logger

Load = Callable[[ssl.SSLContext], None]
"""Puts what is in the files into a context; raises what `UNUSABLE` names."""

UNUSABLE: Final = (OSError, ValueError)
"""What is raised over a file that does not hold what it should: ssl.SSLError is an OSError, ours are ValueErrors."""

log = get_logger("cordwatch.runtime")


class Files:
    """Some files, and whether they are others than at the last look."""

    def __init__(self, paths: Iterable[Path | None]) -> None:
        """Look at *paths*; None stands for a file that is not used."""
        self._paths = [one for one in paths if one is not None]
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Look; return whether anything is new since the last look, once for each change."""
        found = self._look()
        is_new, self._seen = found != self._seen, found
        return is_new

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_look_of(one) for one in self._paths]


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        # Through links: Kubernetes changes where one leads, and touches no file.
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Renewal:
    """Whether certificates were replaced, and can be used: for clients that read them only when they are made."""

    def __init__(self, paths: Iterable[Path | None], check: Callable[[], object]) -> None:
        """Look at *paths*; *check* raises where what is in them cannot be used."""
        self._files, self._check = Files(paths), check
        self._is_due = False

    def is_due(self) -> bool:
        """Return whether a client that is made now has other certificates than one that was made with this."""
        if self._files.have_changed():
            try:
                self._check()
            except UNUSABLE as error:
                _refuse(error)
                self._is_due = False
            else:
                log.info("certificates were replaced: a new client is due")
                self._is_due = True
        return self._is_due


class RenewedContext(ssl.SSLContext):
    """A context for one side of TLS, whose connections are each made with what the files hold by then."""

    _files: Files
    _load: Load
    _current: ssl.SSLContext

    @classmethod
    def of(cls, protocol: int, paths: Iterable[Path | None], load: Load) -> RenewedContext:
        """
        Return a context made by *load*, and made anew by it once *paths* are others.

        Raises:
            whatever *load* raises: at the start there is nothing to fall back upon.
        """
        made = cls(protocol)
        # Before it is read: what is replaced meanwhile is read twice rather than never.
        made._files, made._load, made._current = Files(paths), load, made
        load(made)
        return made

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection of asyncio."""
        current = self._renewed()
        made = super().wrap_bio if current is self else current.wrap_bio
        return made(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin a connection by a socket."""
        current = self._renewed()
        made = super().wrap_socket if current is self else current.wrap_socket
        return made(*args, **options)

    def _renewed(self) -> ssl.SSLContext:
        """Return the context that counts now; a new one each time, since from an old one no authority can be taken out."""
        if self._files.have_changed():
            fresh = ssl.SSLContext(self.protocol)
            try:
                self._load(fresh)
            except UNUSABLE as error:
                _refuse(error)
            else:
                self._current = fresh
                log.info("certificates were replaced: new connections have the new ones")
        return self._current


def trusting(ca: Path | None) -> RenewedContext:
    """
    Return the client's side of TLS: names are verified, and authorities are those in *ca* alone, or the system's.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """

    def load(context: ssl.SSLContext) -> None:
        trust(context, ca)

    return RenewedContext.of(ssl.PROTOCOL_TLS_CLIENT, [ca], load)


@cache
def trusting_the_system() -> RenewedContext:
    """Return `trusting(None)`, made once: reading the system's authorities would hold up everything else each time."""
    return trusting(None)


def trust(context: ssl.SSLContext, ca: Path | None) -> None:
    """
    Let *context* verify others by the authorities in *ca* alone, or by the system's.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    harden(context)
    if ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca)


def _refuse(error: BaseException) -> None:
    """Tell what is wrong by the name of a setting or file, never by what is in it."""
    told = str(error) if isinstance(error, ValueError) else type(error).__name__
    log.error("new certificates cannot be used: the ones before stay", fault=told)
