"""What a start has made is taken out of the collector's sight."""

import gc


def settle() -> None:
    """Collect once, and let later collections pass over what is there now.

    Code, reference data and the state that was read stay for the life of the process. Walking them
    in search of cycles, as every full collection would, stops the loop for some 50 ms.
    """
    gc.collect()
    gc.freeze()
