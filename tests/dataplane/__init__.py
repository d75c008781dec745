"""Requests through real proxies, and everything around them, each in a network that leads nowhere else.

::

    loopback of the machine                  a network namespace of the tests' own
    -----------------------                  --------------------------------------------------------------
    API server <-- istiod --(a socket)--> Envoy at 10.201.0.1     --->  pods at 10.202.X.Y
        ^                                    :80   Ingresses            one process answers for all of them
        |                                    :8090 ingressGateway       and says which address it was called at
    the daemon, the tests                    :8091 localGateway                    ^
                                             :8092 omeIngressGateway               |
                                               ^                                   |
                                             requests of the tests, from outside --+-- and inside the cluster

Istio's is in the picture (:mod:`tests.dataplane.istio`); Contour's has two Contours, each with its Envoy
(:mod:`tests.dataplane.contour`).  A test has a parameter ``way`` or ``proxy``, else it is about Istio's.

Nobody sends anything but to loopback or within that namespace, which has no way out and goes with the last process in
it.  Services and pods are real objects, and kube-controller-manager makes the EndpointSlices.  The tests play OME,
which deploys models, Knative, and what a node does with a Service (:mod:`tests.dataplane.models`).
"""
