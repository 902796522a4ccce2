"""What can go wrong with FIX outside of the protocol."""

from bascule.model.errors import BasculeError


class StoreError(BasculeError):
    """A session's store cannot be used; nothing more is sent on its session.

    Codes: ``fix_store_locked``, ``fix_store_corrupt``, ``fix_store_unwritable``.
    """

    code = "fix_store_unwritable"
