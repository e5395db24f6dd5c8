/** Files that a stranger uploads in the hope that a page of the site can be made to load them as code. */
import { JPEG } from './pictures.js';
import type { Upload } from './sites.js';

/** A function of loaders.js. */
export type Loader =
  | 'script'
  | 'moduleScript'
  | 'importedModule'
  | 'importedStyle'
  | 'worker'
  | 'moduleWorker'
  | 'sharedWorker'
  | 'importScripts'
  | 'serviceWorker'
  | 'audioWorklet'
  | 'webAssembly'
  | 'stylesheet'
  | 'styleImport';

/** A hostile file, and the ways in which it takes effect on a careless server. */
export interface HostileCode extends Upload {
  readonly loaders: readonly Loader[];
}

/** Tells that it ran: to a page by a property, as a worker by a message, as a shared worker to who connects. */
const PROGRAM = `globalThis.ran = 'yes';
if (globalThis.document === undefined) globalThis.postMessage?.('ran');
globalThis.onconnect = ({ ports: [port] }) => port.postMessage('ran');
`;

const SHEET = ':root { --applied: yes }';

/** The smallest WebAssembly module: its magic number and version. */
const WASM = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const script = (carelessType?: string): HostileCode => ({
  body: PROGRAM,
  loaders: ['script'],
  ...(carelessType === undefined ? {} : { carelessType }),
});

const EVERY_KIND_OF_SCRIPT: readonly Loader[] = [
  'script',
  'moduleScript',
  'importedModule',
  'worker',
  'moduleWorker',
  'sharedWorker',
  'importScripts',
  'serviceWorker',
  'audioWorklet',
];

/** In ISO-8859-1, `GIF89a` is a name that is assigned to, and the rest of the picture a comment. */
function gifPolyglot(): Buffer {
  const comment = '/*';
  const image = Buffer.concat([
    Buffer.from(`GIF89a${comment}`, 'latin1'), // the comment's first two bytes are the picture's width
    Buffer.from([3, 0, 0x80, 0, 0, 0, 0x80, 0x80, 0, 0, 0]), // height, flags, a palette of two colours
    Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b]), // one pixel, and the end
  ]);
  return Buffer.concat([image, Buffer.from(`*/=1;${PROGRAM}`)]);
}

/** In ISO-8859-1, the four bytes at the start are a name, and the first segment's length begins a comment. */
function jpegPolyglot(jpeg: Buffer): Buffer {
  const first = Buffer.alloc(2 + 0x2f2a);
  first.writeUInt16BE(0xffe0);
  first.writeUInt16BE(0x2f2a, 2); // `/*`
  jpeg.copy(first, 4, 6, 4 + jpeg.readUInt16BE(4));
  const program = Buffer.from(`*/=1;${PROGRAM}/*`);
  const remark = Buffer.from([0xff, 0xfe, 0, 0]);
  remark.writeUInt16BE(program.length + 2, 2);
  const rest = jpeg.subarray(4 + jpeg.readUInt16BE(4));
  return Buffer.concat([jpeg.subarray(0, 2), first, remark, program, rest, Buffer.from('*/')]);
}

/** By file name. */
export const HOSTILE_CODE: Readonly<Record<string, HostileCode>> = {
  'program.js': { body: PROGRAM, carelessType: 'text/javascript', loaders: EVERY_KIND_OF_SCRIPT },
  'program.mjs': { body: PROGRAM, carelessType: 'text/javascript', loaders: EVERY_KIND_OF_SCRIPT },
  'PROGRAM.JS': script('text/javascript'),
  'program.json': script('application/json'),
  'program.txt': script('text/plain'),
  'program.html': script('text/html'),
  'program.pdf': script('application/octet-stream'),
  'program.ts': script('application/octet-stream'),
  'program.unknown': script('application/octet-stream'),
  program: script(),
  'polyglot.gif': { body: gifPolyglot(), carelessType: 'application/octet-stream', loaders: ['script'] },
  'polyglot.jpg': { body: jpegPolyglot(JPEG), carelessType: 'application/octet-stream', loaders: ['script'] },
  'sheet.css': {
    body: SHEET,
    carelessType: 'text/css',
    loaders: ['stylesheet', 'styleImport', 'importedStyle'],
  },
  // In a page without a doctype, sheets of the same origin are taken whatever their type.
  'sheet.txt': { body: SHEET, carelessType: 'text/plain', loaders: ['stylesheet', 'styleImport'] },
  sheet: { body: SHEET, loaders: ['stylesheet'] },
  'module.wasm': { body: WASM, carelessType: 'application/wasm', loaders: ['webAssembly'] },
};
