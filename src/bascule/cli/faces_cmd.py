"""``bascule guardian pair``, ``page`` and ``forget-chats``; ``bascule present``."""

from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import ConfigOption, configured
from bascule.model.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config
    from bascule.guardian.pairing import Pairing


def register(app: typer.Typer) -> None:
    """Add the command; those of the guardian's group are added by that group."""
    app.command("present")(present)


def register_in_group(group: typer.Typer) -> None:
    """Add the commands of the guardian's faces."""
    group.command("page")(page)
    group.command("pair")(pair)
    group.command("forget-chats")(forget_chats)


def present(
    by: Annotated[
        str, typer.Option("--by", help="Who is there; else the user's name.", show_default=False)
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Say that you are there, so that attended accounts are not halted."""
    from bascule.cli.guardian_cmd import client
    from bascule.cli.operate_cmd import user

    if not configured(config).guardian.presence.accounts:
        raise UsageError(
            "No account is attended, so nobody asks for your presence. Nothing was done.",
            code="presence_not_asked",
            hint='Name them: accounts = ["NAME"] under [guardian.presence].',
        )
    client(config).present(by or user())
    typer.echo("Noted: you are here.")


def page(config: ConfigOption = None) -> None:
    """Show where the emergency page is, and the token that it asks for once."""
    from bascule.config.handover import GuardianEndpoint, GuardianFiles, read_file
    from bascule.guardian.page import TOKEN_FILE
    from bascule.guardian.page_access import page_token

    settings = configured(config)
    files = GuardianFiles(settings.data.path)
    endpoint = read_file(files.endpoint, GuardianEndpoint)
    port = endpoint.port if endpoint else settings.guardian.port
    typer.echo(f"On this machine:  http://127.0.0.1:{port}/")
    own = settings.guardian.page
    if own.host:
        host = f"[{own.host}]" if ":" in own.host else own.host
        typer.echo(f"On your network:  http://{host}:{own.port}/")
    else:
        typer.echo("On a phone:       set host under [guardian.page] to a VPN address of yours")
    typer.echo(f"Token:            {page_token(files.path / TOKEN_FILE)}")


def pair(config: ConfigOption = None) -> None:
    """Show a code that pairs one Telegram chat with the guardian's bot, once, for ten minutes."""
    from bascule.config.clock import SystemClock

    settings = configured(config)
    if not settings.guardian.telegram.token_secret:
        raise ConfigError(
            "No bot is configured, so there is nothing to pair with.",
            code="no_bot",
            hint="Keep its token with `bascule secrets set bot_token`, and name it under"
            ' [guardian.telegram]: token_secret = "bot_token". docs/emergency.md has each step.',
        )
    code = _pairing(settings).offer(SystemClock().now())
    typer.echo(f"Send this to your bot within ten minutes:\n\n  /pair {code[:4]}-{code[4:]}\n")
    typer.echo("It works once. Whoever sends it can stop trading; nobody can arm from a chat.")


def forget_chats(config: ConfigOption = None) -> None:
    """Forget every paired chat at once; the bot answers none of them any more."""
    count = _pairing(configured(config)).forget()
    typer.echo(f"Forgot {count} {'chat' if count == 1 else 'chats'}.")


def _pairing(settings: "Config") -> "Pairing":
    from bascule.config.handover import GuardianFiles
    from bascule.guardian.pairing import Pairing

    return Pairing(GuardianFiles(settings.data.path).path)
