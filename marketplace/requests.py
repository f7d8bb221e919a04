"""What a request says of who calls; what our middleware, and the libraries', promise of it to the views."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from marketplace.accounts.person import User


class HtmxRequest(HttpRequest):
    """`htmx`: whether a part of the page is asked for, and how (django_htmx's middleware)."""

    htmx: HtmxDetails


class PersonRequest(HtmxRequest):
    """`user` is never the anonymous one: only signed-in people reach the view (marketplace/middleware.py)."""

    user: User


def way_back(request: HttpRequest, data: QueryDict | None = None) -> str:
    """The page of ours that `suite` names, posted or in the address, to go to after the act; "" for any other.

    data: what was posted before a sign-in.
    """
    then = (data or request.POST).get("suite") or request.GET.get("suite") or ""
    safe = url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure())
    return then if safe else ""


def caller_address(request: HttpRequest) -> str:
    """Who calls, for every limit: an IPv4 address, or the first address of an IPv6 caller's /64; "" when unknown.

    Behind n announced proxies (TRUSTED_PROXIES), the n-th from the right in X-Forwarded-For: what stands left of it
    was written by the caller. Whoever came by fewer proxies, or whose entry is no address, counts as the peer.
    """
    proxies, peer = settings.ALLAUTH_TRUSTED_PROXY_COUNT, request.META.get("REMOTE_ADDR", "")
    chain = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    told = chain[-proxies] if 0 < proxies <= len(chain) else peer
    return _subscriber(told) or _subscriber(peer)


def _subscriber(text: str) -> str:
    """The address written so, with or without a port; "" when it is none."""
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:  # ::ffff:192.0.2.1, how a socket of both kinds writes an IPv4 caller
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Address(int(address) >> 64 << 64))  # a home, or a firm, holds 2**64 of them
    return str(address)
