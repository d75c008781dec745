"""How many requests an API server was asked, as it counts them itself."""

from __future__ import annotations

import asyncio
import re
import ssl
import urllib.request
from pathlib import Path

import yaml

COUNTED = ("inferenceservices", "ingresses", "services", "events")
"""What controllers write and read here; the server's own housekeeping is about other kinds."""
_LINE = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


async def requests(kubeconfig: Path, verbs: tuple[str, ...]) -> int:
    """Requests so far with one of these verbs, by whoever made them."""
    return await asyncio.to_thread(_requests, kubeconfig, verbs)


WRITES = ("POST", "PUT", "PATCH", "DELETE", "APPLY")
ROUND_TRIPS = (*WRITES, "GET", "LIST")


def _requests(kubeconfig: Path, verbs: tuple[str, ...]) -> int:
    content = yaml.safe_load(kubeconfig.read_text())
    server, token = content["clusters"][0]["cluster"]["server"], content["users"][0]["user"]["token"]
    certificate = kubeconfig.parent / content["clusters"][0]["cluster"]["certificate-authority"]
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(f"{server}/metrics", headers={"Authorization": f"Bearer {token}"})
    with opener.open(request, timeout=60) as answer:
        text = answer.read().decode()
    total = 0.0
    for labels, value in _LINE.findall(text):
        told = dict(_LABEL.findall(labels))
        if told["resource"] in COUNTED and told["verb"] in verbs:
            total += float(value)
    return round(total)
