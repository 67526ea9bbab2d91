"""A pack's page as HTML that needs nothing else: no script, no network."""

from __future__ import annotations

from markdown_it import MarkdownIt

_TOP = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>cordwatch: pathway pack</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .6rem; text-align: left; vertical-align: top; }
@media print { body { margin: 0; max-width: none; } h3, tr { break-inside: avoid; } }
</style>
</head>
<body>
"""


def html_page(markdown: str) -> str:
    """Return a page of *markdown*; HTML inside it is shown, never obeyed."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return f"{_TOP}{reader.render(markdown)}</body>\n</html>\n"
