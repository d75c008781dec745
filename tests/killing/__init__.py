"""Kill loops: two replicas before a real API server, under edits, while everything around is killed.

    users (a client that isn't ours) --edit--> API server --watch--> replica, replica   <--kill, suspend, hold-- trial
                                                  |  ^
      onlooker <--every revision, in order-- etcd <--+ killed and started anew

At the end the cluster has to be what ``doorward render`` makes of the same inputs (:mod:`outcome`), and at no revision
of etcd was one host in objects of two services (:mod:`onlooker`).  ``python -m tests.killing --help``: the whole of it.
"""
