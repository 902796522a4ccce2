"""Where senders post, as an operator wants to read it."""

from collections.abc import Iterable

from bascule.signals.intake.source import Source

HIDDEN = "<the secret>"


def webhook_url(root: str, source: Source, *, reveal: bool) -> str:
    """Give where a webhook posts; its path token is shown only where it may be read."""
    token = source.path_token if reveal else HIDDEN
    return f"{root}/hooks/{source.name}" + (f"/{token}" if source.path_token else "")


def source_lines(root: str, sources: Iterable[Source], *, reveal: bool) -> list[str]:
    """Say of each source where it posts, and with which proof."""
    lines = []
    for source in sources:
        if source.folder is not None:
            lines.append(f"  files    {source.name:<14} {source.folder}")
        elif source.fix is not None:
            at = f"{source.fix.host}:{source.fix.port}"
            lines.append(f"  fix      {source.name:<14} {at}  ({source.fix.name})")
        elif source.bearer:
            proof = "with its bearer token"
            lines.append(f"  intents  {source.name:<14} {root}/v1/intents  ({proof})")
        else:
            proofs = [
                word
                for word, there in (
                    ("secret in the body", source.body_secret),
                    ("signed", source.hmac_secrets),
                )
                if there
            ]
            also = f"  ({', '.join(proofs)})" if proofs else ""
            url = webhook_url(root, source, reveal=reveal)
            lines.append(f"  webhook  {source.name:<14} {url}{also}")
    return lines
