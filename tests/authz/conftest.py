"""The Envoy of the data plane, for the tests that put one before the authorization service."""

from tests.dataplane.conftest import parts as parts
