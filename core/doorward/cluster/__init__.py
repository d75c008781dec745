"""API servers behind one protocol: a real one (``kube``) and one in memory (``embedded``).

Nothing here knows the engine.  :mod:`doorward.cluster.protocol` says what both can do.
"""
