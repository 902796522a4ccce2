"""FIX 4.0 to 5.0SP2: codec, dictionaries, validation, session. Sans-I/O: no socket, no clock.

Bytes go in and messages come out, as in h11 for HTTP; who owns the socket is not known here. The
parts are used by their modules: ``message``, ``codec``, ``dictionary``, ``validation``, ``names``.
"""
