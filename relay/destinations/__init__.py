"""The kinds of destinations.  Every module in ``kinds/`` is found and registered in ``KINDS``."""

from __future__ import annotations

import importlib
import pkgutil
from collections import ChainMap, UserDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from relay.destinations import kinds

if TYPE_CHECKING:
    from relay.destinations.base import Kind


class Kinds(UserDict[str, "Kind"]):
    """The kinds by slug.  The module of a kind is imported when the kind is used first."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        super().__init__()
        self.modules = modules
        self.data = dict.fromkeys(modules)  # type: ignore[assignment]  # None until it is imported

    def __getitem__(self, slug: str) -> Kind:
        kind: Kind | None = self.data[slug]
        if kind is None:
            kind = self.data[slug] = importlib.import_module(self.modules[slug]).KIND
            if kind.slug != slug:
                where = self.modules[slug]
                raise ImportError(f"Kind {kind.slug} is in {where}: rename one.")  # i18n: keep
        return kind

    def load_all(self) -> None:
        """Import all of them, before a server forks: its processes share them."""
        for slug in self:
            self[slug]


def find_kinds() -> Kinds:
    """The kinds of ``kinds/``.  The slug of a kind is the name of its module."""
    names = sorted(info.name for info in pkgutil.iter_modules(kinds.__path__))
    return Kinds({name: f"{kinds.__name__}.{name}" for name in names})


KINDS = find_kinds()
# With the internal one.
ALL_KINDS: Mapping[str, Kind] = ChainMap(
    KINDS, Kinds({"canary": "relay.destinations.canary_inbox"})
)
