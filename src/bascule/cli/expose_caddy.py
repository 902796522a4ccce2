"""The configuration that makes Caddy publish Bascule's webhooks and nothing else."""

from bascule.cli.expose_choices import ClientCertificates
from bascule.cli.expose_site import (
    BODY_LIMIT_KIB,
    CONNECT_MS,
    Site,
    filled,
)


def caddy(site: Site) -> str:
    """Write a Caddyfile. It needs Caddy 2.6 or later, which renews its own certificate."""
    site.check()
    asked = site.certificates is not ClientCertificates.OFF
    mode = "require_and_verify"
    if site.certificates is ClientCertificates.OPTIONAL:
        mode = "verify_if_given"
    own = f"tls {site.tls_certificate} {site.tls_key}" if site.tls_certificate else "tls"
    ask = filled(_ASK, {"MODE": mode, "AUTHORITIES": site.authorities}) if asked else ""
    return filled(
        _CONFIGURATION,
        {
            "HOST": site.host,
            "HTTP": site.http_port,
            "HTTPS": site.https_port,
            "UPSTREAM": site.upstream,
            "PROXY": site.proxy_address,
            "TLS": f"{own} {{\n{ask}\t}}" if ask else own if site.tls_certificate else None,
            "LOG": f"{site.logs or '/var/log/caddy'}/bascule.log",
            "LIMIT": BODY_LIMIT_KIB,
            "CONNECT": CONNECT_MS,
            "ANSWER": site.answer_ms,
            "NETWORKS": " ".join(site.networks) if site.networks else None,
            "STRANGERS": "respond @stranger 403" if site.networks else None,
            "VERIFY": "{bascule_verify}" if asked else None,
            "CERT": "{http.request.tls.client.certificate_der_base64}" if asked else None,
            "NO_CERT": "" if not asked else None,
        },
    )


_ASK = """\
\t\t# Ask for a client certificate and verify it against the public authorities. Caddy refuses
\t\t# the whole connection where one is given and is not good.
\t\tclient_auth {
\t\t\tmode @MODE@
\t\t\ttrusted_ca_cert_file @AUTHORITIES@
\t\t}
"""

_CONFIGURATION = """\
# Bascule's webhooks behind Caddy, written by `bascule expose caddy`. docs/exposing.md explains it.
#   1. keep it as /etc/caddy/Caddyfile
#   2. caddy validate --config /etc/caddy/Caddyfile && systemctl reload caddy
#   3. in bascule.toml, under [server]:  trusted_proxies = ["@PROXY@"]
{
	http_port @HTTP@
	https_port @HTTPS@
	# Port 80 is for renewing the certificate. There is no redirect: TradingView follows none, and
	# a sender must not say its secret in clear.
	auto_https disable_redirects
	servers {
		# TradingView gives up after 3 seconds.
		timeouts {
			read_header 3s
			read_body 3s
			write 5s
			idle 30s
		}
	}
	# The URL is the sender's secret, so it is in no log, neither with a request nor with an error.
	log {
		output file @LOG@
		format filter {
			wrap json
			fields {
				request>uri delete
				request>headers delete
				request>tls delete
				uri delete
			}
		}
	}
}

@HOST@ {
	@TLS@
	log

	# All that is published. The path is passed on as Caddy understood it.
	@hooks path_regexp hooks ^/hooks/[a-z0-9_-]+(/[A-Za-z0-9_-]*)?$
	handle @hooks {
		@stranger not remote_ip @NETWORKS@
		@STRANGERS@
		map {http.request.tls.client.fingerprint} {bascule_verify} {
			~.+ SUCCESS
			default NONE
		}
		rewrite {re.hooks.0}
		request_body {
			max_size @LIMIT@KiB
		}
		reverse_proxy @UPSTREAM@ {
			# Caddy itself replaces X-Forwarded-For by the address that it sees.
			header_up -Forwarded
			header_up -X-Real-Ip
			header_up -Authorization
			header_up -Cookie
			header_up X-Client-Verify @VERIFY@
			header_up X-Client-Cert @CERT@
			header_up -X-Client-*@NO_CERT@
			transport http {
				dial_timeout @CONNECT@ms
				response_header_timeout @ANSWER@ms
				read_timeout @ANSWER@ms
				write_timeout @ANSWER@ms
			}
		}
	}
	handle {
		respond 404
	}

	# TradingView sends again after any 5xx but 504. Where Bascule was never reached, that is right.
	# Where it was, and may have kept the message, it must not.
	handle_errors {
		@large expression `{err.message}.contains("request body too large")`
		respond @large 413
		@reached expression `{err.status_code} == 502 && !{err.message}.startsWith("dial ")`
		respond @reached 504
		respond {err.status_code}
	}
}
"""
