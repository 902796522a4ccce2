"""The configuration that makes nginx publish Bascule's webhooks and nothing else."""

from bascule.cli.expose_choices import ClientCertificates
from bascule.cli.expose_site import (
    BODY_LIMIT_KIB,
    CONNECT_MS,
    Site,
    filled,
    listed,
)


def nginx(site: Site) -> str:
    """Write the file for ``/etc/nginx/conf.d/``. It needs nginx 1.19 or later."""
    site.check()
    live = f"/etc/letsencrypt/live/{site.host}"
    asked = site.certificates is not ClientCertificates.OFF
    required = site.certificates is ClientCertificates.REQUIRED
    return filled(
        _CONFIGURATION,
        {
            "HOST": site.host,
            "HTTP": site.http_port,
            "HTTPS": site.https_port,
            "UPSTREAM": site.upstream,
            "PROXY": site.proxy_address,
            "CERTIFICATE": site.tls_certificate or f"{live}/fullchain.pem",
            "KEY": site.tls_key or f"{live}/privkey.pem",
            "LOGS": site.logs or "/var/log/nginx",
            "LIMIT": BODY_LIMIT_KIB,
            "CONNECT": CONNECT_MS,
            "ANSWER": site.answer_ms,
            "ALLOW": listed(site, "        allow @;") if site.networks else None,
            "DENY": "deny all;" if site.networks else None,
            "ASK": filled(_ASK, {"AUTHORITIES": site.authorities}).rstrip() if asked else None,
            "REQUIRE": "if ($ssl_client_verify != SUCCESS) { return 403; }" if required else None,
            "VERIFY": "$ssl_client_verify" if asked else '""',
            "CERT": "$ssl_client_escaped_cert" if asked else '""',
        },
    )


_ASK = """\

    # Ask for a client certificate and verify it against the public authorities. One that they did
    # not sign is passed on as FAILED, so that a source which wants none still gets its alerts; one
    # that has expired is answered by nginx itself, with 400.
    ssl_verify_client optional_no_ca;
    ssl_client_certificate @AUTHORITIES@;
    ssl_verify_depth 4;
"""

_CONFIGURATION = """\
# Bascule's webhooks behind nginx, written by `bascule expose nginx`. docs/exposing.md explains it.
#   1. keep it as /etc/nginx/conf.d/bascule.conf
#   2. nginx -t && systemctl reload nginx
#   3. in bascule.toml, under [server]:  trusted_proxies = ["@PROXY@"]

# The URL is the sender's secret, so it is in no log.
log_format bascule '$remote_addr [$time_iso8601] $request_method $status $request_length '
                   '$request_time $upstream_response_time $ssl_client_verify';

# Plain HTTP: what an ACME client puts there to renew the certificate, and nothing else. There is no
# redirect: TradingView follows none, and a sender must not say its secret in clear.
server {
    listen @HTTP@;
    server_name @HOST@;
    access_log off;
    error_log @LOGS@/bascule_error.log crit;

    location /.well-known/acme-challenge/ { root /var/www/html; }
    location / { return 404; }
}

server {
    # IPv4: TradingView uses no other.
    listen @HTTPS@ ssl;
    server_name @HOST@;
    server_tokens off;
    access_log @LOGS@/bascule.log bascule;
    # What nginx calls an error holds the URL; only what is graver is kept.
    error_log @LOGS@/bascule_error.log crit;

    ssl_certificate @CERTIFICATE@;
    ssl_certificate_key @KEY@;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:bascule:1m;
@ASK@

    # TradingView gives up after 3 seconds. A message stays in memory and is never split.
    client_header_timeout 3s;
    client_body_timeout 3s;
    send_timeout 3s;
    keepalive_timeout 30s;
    client_max_body_size @LIMIT@k;
    client_body_buffer_size @LIMIT@k;

    # All that is published. The path is passed on as nginx understood it.
    location /hooks/ {
@ALLOW@
        @DENY@
        @REQUIRE@

        proxy_pass http://@UPSTREAM@/hooks/;
        proxy_http_version 1.1;
        proxy_next_upstream off;
        proxy_connect_timeout @CONNECT@ms;
        proxy_send_timeout @ANSWER@ms;
        proxy_read_timeout @ANSWER@ms;
        error_page 502 504 = @unanswered;

        # Bascule believes these; what a sender wrote there is replaced or removed.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host "";
        proxy_set_header X-Real-IP "";
        proxy_set_header Forwarded "";
        proxy_set_header X-Client-Verify @VERIFY@;
        proxy_set_header X-Client-Cert @CERT@;
        proxy_set_header Host $host;
        proxy_set_header Connection "";
        proxy_set_header Authorization "";
        proxy_set_header Cookie "";
    }

    # TradingView sends again after any 5xx but 504. Where Bascule was never reached, that is
    # right. Where it was, and may have kept the message, it must not.
    location @unanswered {
        if ($upstream_connect_time = "-") { return 502; }
        return 504;
    }

    location / { return 404; }
}
"""
