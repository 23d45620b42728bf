"""The few HTML pages of the service; scripts are files of our own origin, so the policy needs no inline exception."""

from html import escape
from typing import Final

from app.core.errors import Kind

# Both viewers set style attributes and ReDoc starts a worker from a blob; everything else stays on this origin.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{root}docs/assets/favicon.png">
{head}</head>
<body>
{body}</body>
</html>
"""

# Addresses are relative, so that the pages work behind any path prefix.
SWAGGER: Final = _PAGE.format(
    title="整改台账 API",
    root="",
    head='<link rel="stylesheet" href="docs/assets/swagger-ui.css">\n',
    body='<div id="swagger-ui"></div>\n'
    '<script src="docs/assets/swagger-ui-bundle.js"></script>\n<script src="docs/assets/start.js"></script>\n',
)
REDOC: Final = _PAGE.format(
    title="整改台账 API",
    root="",
    head="",
    body='<div id="redoc"></div>\n'
    '<script src="docs/assets/redoc.standalone.js"></script>\n<script src="docs/assets/start.js"></script>\n',
)
START: Final = """\
if (document.getElementById("swagger-ui")) {
  SwaggerUIBundle({
    url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout"
  });
} else {
  Redoc.init("openapi.json", { disableGoogleFont: true, hideLogo: true }, document.getElementById("redoc"));
}
"""


def problem_page(code: str, kind: Kind) -> str:
    """One code explained in both languages."""
    body = (
        f"<main>\n<h1>{escape(kind.title.zh)}</h1>\n<p>{escape(kind.help.zh)}</p>\n"
        f'<section lang="en">\n<h2>{escape(kind.title.en)}</h2>\n<p>{escape(kind.help.en)}</p>\n</section>\n'
        f"<p><code>{escape(code)}</code> · HTTP {kind.status}</p>\n</main>\n"
    )
    return _PAGE.format(title=escape(kind.title.zh), root="../", head="", body=body)
