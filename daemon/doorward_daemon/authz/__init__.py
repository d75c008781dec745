"""The authorization service: proxies ask it, request by request, whether a client may come in by a guarded door.

    proxy --request line and headers--> question --+
                                                   +--> decision --> 200 and the client's name, 401, 403, 503
    engine: whose door, which guard ---------------+
    Secrets: digests of keys, hashes of passwords -+

``question`` reads what a proxy sends, ``keys`` keeps what a Secret holds, ``decision`` is pure, ``passwords`` does the
one thing that takes long, ``server`` listens, ``doors`` asks the engine.  Nothing here writes a key anywhere.
"""
