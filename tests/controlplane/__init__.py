"""A real API server for tests: unmodified kube-apiserver, etcd and kube-controller-manager on loopback.

Where it comes from, first that applies (:mod:`providers`): a cluster that ``DOORWARD_TEST_KUBECONFIG`` names;
binaries in ``KUBEBUILDER_ASSETS``; K3s in Docker; binaries built here from Go modules, once, in about five minutes
(:mod:`binaries`).
"""
