"""The configuration that makes cloudflared carry Bascule's webhooks and nothing else."""

from bascule.cli.expose_site import CONNECT_MS, Site, filled


def tunnel(site: Site) -> str:
    """Write cloudflared's ``config.yml`` for a named tunnel."""
    site.check()
    return filled(
        _CONFIGURATION,
        {
            "HOST": site.host,
            "UPSTREAM": site.upstream,
            "PROXY": site.proxy_address,
            "CONNECT": CONNECT_MS,
        },
    )


_CONFIGURATION = """\
# Bascule's webhooks through a Cloudflare tunnel, written by `bascule expose tunnel`.
# docs/exposing.md explains it.
#   1. cloudflared tunnel login
#      cloudflared tunnel create bascule
#      cloudflared tunnel route dns bascule @HOST@
#   2. keep this as /etc/cloudflared/config.yml, with the tunnel's id in place of TUNNEL_ID
#   3. cloudflared tunnel ingress validate && cloudflared service install
#   4. in bascule.toml, under [server]:  trusted_proxies = ["@PROXY@"]
#
# Know what a tunnel is:
# - Cloudflare ends the TLS. It sees every alert and every secret in it, the URL included.
# - TradingView's client certificate ends there too: `client_certificate` cannot be used.
# - The sender's address is what Cloudflare says it is: it adds the address to X-Forwarded-For, and
#   Bascule reads that last entry. A sender can write entries in front of it and none behind.
#   Whoever can connect to @UPSTREAM@ itself, which is every program on this machine, could claim
#   any address.
# - The address list is not here: set allow_from = ["tradingview"] in the source.
# - No more than what ingress names is published. Turn off Cloudflare's own checks of browsers and
#   bots for this host: TradingView is no browser, and an alert that is challenged is lost.
tunnel: TUNNEL_ID
credentials-file: /etc/cloudflared/TUNNEL_ID.json
# Nothing but a fatal fault is logged: an error of cloudflared names the URL, which is the secret.
loglevel: fatal
ingress:
  - hostname: @HOST@
    path: ^/hooks/[a-z0-9_-]+(/[A-Za-z0-9_-]*)?$
    service: http://@UPSTREAM@
    originRequest:
      connectTimeout: @CONNECT@ms
  - service: http_status:404
"""
