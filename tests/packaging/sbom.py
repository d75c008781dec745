"""The SBOM: what ``doorward`` and its members bring along, in CycloneDX, from the pins and installed metadata.

It has no random number and no time of its own, so that the same pins give the same bytes.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires
from uuid import UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from doorward import __version__
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.pins import Pin, listed, members, name_of, pins

_OURS = UUID("5e1d2c8a-6b0f-4c1e-9a55-d00d00d00d00")
_WITHOUT_A_TIME = 1580601600
"""hatchling's, where nobody names one."""
HASH = "doorward:sha256"
MARKER = "doorward:marker"


def bill() -> Bom:
    """Everything that ``requirements/doorward.txt`` pins, with its licence and the hashes of its files."""
    known = pins("doorward.txt")
    licenses = listed()
    whole = _component("doorward", __version__, "Apache-2.0")
    found = {
        name: _component(name, __version__, "Apache-2.0")
        for name in sorted(map(name_of, members()))
        if name != whole.name
    }
    found = {
        name: _component(name, __version__, "Apache-2.0")
        for name in sorted(map(name_of, members()))
        if name != whole.name
    }
    found |= {pin.name: _pinned(pin, licenses[pin.name]) for pin in known}
    made = Bom(components=found.values())
    made.metadata.component = whole
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", _WITHOUT_A_TIME))
    made.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    made.serial_number = uuid5(_OURS, repr(sorted(known)))
    for component in (whole, *found.values()):
        asked = (canonicalize_name(each.name) for each in _asked(component.name))
        made.register_dependency(component, [found[name] for name in dict.fromkeys(asked) if name in found])
    return made


def text() -> str:
    return str(JsonV1Dot6(bill()).output_as_string(indent=2)) + "\n"


def _component(name: str, version: str, license: str) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=PackageURL("pypi", None, name, version),
        licenses=[LicenseFactory().make_from_string(license)],
        bom_ref=BomRef(f"{name}=={version}"),
    )


def _pinned(pin: Pin, license: str) -> Component:
    made = _component(pin.name, pin.version, license)
    made.scope = ComponentScope.OPTIONAL if pin.marker else ComponentScope.REQUIRED
    properties = [Property(name=HASH, value=each) for each in pin.hashes]
    made.properties.update([*properties, Property(name=MARKER, value=pin.marker)] if pin.marker else properties)
    return made


def _asked(name: str) -> list[Requirement]:
    """What an installed distribution asks for, extras left out."""
    try:
        every = [Requirement(each) for each in requires(name) or ()]
    except PackageNotFoundError:
        return []
    return [each for each in every if each.marker is None or "extra" not in str(each.marker)]
