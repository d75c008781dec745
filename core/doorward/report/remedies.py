"""What to do about a Warning event whose message doesn't say so itself (docs/status.md, Warning events).

It is said in the Event alone: a condition has its page, and is read by programs, too.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REMEDIES", "SAY_SO_THEMSELVES", "ending"]

REMEDIES: Mapping[str, str] = {
    "AnnotationHeldBack": "Correct the value, or have the key allowed by setting passAnnotations (of a cloud: "
    "passCloudAnnotations)",
    "AuthSecretUnused": "Add annotation doorward.io/auth, or remove the other",
    "AuthUnsupported": "Set annotation doorward.io/auth to none, or open the door outside",
    "CertificateExpired": "See why it isn't renewed: kubectl describe certificate",
    "Contested": "Stop the other writer, or close this door",
    "DomainNotAllowed": "Choose a domain that setting namespaceDomains allows the namespace",
    "FeatureUnsupported": "Set it by a policy of that gateway, or choose another class",
    "HostConflict": "Choose another host, or remove the other service or object",
    "HostShared": "Remove the host, or the path, from one of the two",
    "InvalidFlag": 'Write "true" or "false"',
    "InvalidHost": "Correct the domains, or remove them",
    "InvalidLoadBalancerIP": "Correct the address, or remove the annotation",
    "InvalidServiceType": "Write one of the two, or remove the annotation",
    "NoCertificate": "Name a Secret with a certificate, or have one issued",
    "NoListener": "Open a listener to the host and the namespace (allowedRoutes; of Istio: servers' hosts)",
    "OutOfSight": "Have doorward serve that namespace too, by one --namespace more, or all of them",
    "PathTemplateUnsupported": "Choose another ingress class, or do without a path template",
    "ProtocolUnsupported": "Choose a backend that speaks it, such as gateway_api",
    "RegexHost": "Keep that host for path doors",
    "TooManyHosts": "Ask for fewer domains, or raise setting mostHosts",
    "UnknownAnnotation": "Correct the key, or remove it",
}
"""By reason: a sentence without its full stop."""

SAY_SO_THEMSELVES = frozenset(
    {
        *("BackendUnreachable", "FinalizerLeft", "InvalidSettings", "NoGRPCPort", "NoPathRouting", "NoScaleFromZero"),
        *("NoTLSListener", "NotRouted", "ObjectConflict", "SettingsWarning", "StatusContested", "UnknownVisibility"),
    }
)
"""Reasons whose messages have the remedy, since it differs from case to case."""


def ending(reason: str) -> str:
    """What an Event's message ends with; empty where it says the remedy itself, and for reasons of others' backends."""
    return f". {REMEDIES[reason]}." if reason in REMEDIES else ""
