// What is on a page that the site's own templates did not put there, in words; [] when all is well.
() => {
  const MARKDOWN = "P BR HR EM STRONG S CODE PRE BLOCKQUOTE UL OL LI A H1 H2 H3 H4 H5 H6 TABLE THEAD TBODY TR TH TD";
  const ATTRIBUTES = ["href", "rel", "target", "start", "class", "data-too-long"];
  const TEXTS = ".plain, .marked > .open, .verbatim, .msg__text, .editor__hl mark, pre.code, .mid span, .tag code";
  const OUR_TEMPLATES = ["message", "example", "image", "variable"].map((name) => `.play > #${name}-template`);
  const ELEMENTS = [
    "iframe, frame, object, embed, applet, portal, base, style, math, marquee",
    `template:not(${OUR_TEMPLATES}), .editor__hl :not(mark)`,
    "img:not(.tag--image > [src^='/images/']), video, audio, picture, image, foreignObject, animate, meta[http-equiv]",
    "script:not([src^='/static/'], body > #words[type='application/json']), link[rel=stylesheet]:not([href^='/static/'])",
  ].join(", ");
  const found = [];
  const note = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 200)}`);

  for (const box of document.querySelectorAll(TEXTS)) if (box.children.length) note("markup in a text", box);
  for (const element of document.querySelectorAll(".marked :not(.marked > .open)")) {
    const others = element.getAttributeNames().filter((name) => !ATTRIBUTES.includes(name));
    if (!MARKDOWN.split(" ").includes(element.tagName) || others.length) note("in Markdown", element);
    const href = element.getAttribute("href");
    if (href !== null && !/^(https?:\/\/|mailto:)/.test(href)) note("a link to elsewhere", element);
  }
  for (const element of document.querySelectorAll(ELEMENTS)) note("an element", element);
  for (const element of document.querySelectorAll("*")) {
    for (const name of element.getAttributeNames()) {
      const isHandler = /^on|^(data-)?hx-on|^ws-|^sse-|^srcdoc$/.test(name);
      const isOurs = !/pwned|evil\.test|PWN/.test(element.getAttribute(name));
      if (isHandler || (!isOurs && /^(data-)?hx-|^action$|^formaction$|^src$/.test(name))) note("an attribute", element);
    }
  }
  return found;
}
