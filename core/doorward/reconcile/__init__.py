"""One InferenceService, from what is known of it to what is to be written.

    InferenceService
      | wanted      the door that it asks for: components, mode, exposure, backend, addresses     door/
      | render      the objects of that door                                                      render/
      | grant       the hosts that it gets; without those that it doesn't, it is rendered again   hosts/
      | drains      what is to go and still serves; with it, it is rendered once more             plan/draining.py
      | diff        creates and patches, so that all of this stands                               plan/diff.py
      | standing    whether what stands is accepted                                               report/condition.py
      | drain       deletes what isn't wanted, once the new is accepted and its time is over      plan/draining.py
      | close       deletes or narrows at once what may not be served                             plan/closing.py
      | report_on   the condition, the URLs and Events                                            report/
      v
    writes, in the order in which they may go out

A refusal anywhere on the way holds what stands (plan/held.py).  Closing is never held (plan/closing.py).

``reconciler.py`` tells which way a service goes; ``opening.py`` is the picture; ``holding.py`` keeps a door that can't
be as asked; ``finalizing.py`` clears up after a service that is deleted, ``leaving.py`` after an object that is no
service any more; ``case.py`` is what they work on.
"""

from doorward.reconcile.case import Decision
from doorward.reconcile.reconciler import Reconciler

__all__ = ["Decision", "Reconciler"]
