// Reads the app's instructions to this server from the head of its response (nginx: ngx_http_upstream_headers_in).
import type { AppOrder } from '../http/order.js';

/**
 * Fields that stay when the app's answer is replaced: nginx's list, and Content-Language. The others describe the
 * answer that is dropped (its length, its validators, its encoding).
 */
const KEPT = new Set([
  'content-type',
  'content-disposition',
  'content-language',
  'cache-control',
  'expires',
  'set-cookie',
]);

/** Types whose charset X-Accel-Charset sets (nginx: charset_types). */
const TEXT = /^\s*(?:text\/|application\/(?:javascript|json|(?:[\w.-]+\+)?xml)\b)/i;

/** The app's order, or undefined when the response is meant for the client. X-Accel-Redirect comes first. */
export function readOrder(raw: readonly string[]): AppOrder | undefined {
  let redirect: string | undefined;
  let sendfile: string | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    // Most fields are neither, and their length tells.
    if (name.length === 16 && name.toLowerCase() === 'x-accel-redirect') redirect ??= raw[index + 1];
    else if (name.length === 10 && name.toLowerCase() === 'x-sendfile') sendfile ??= raw[index + 1];
  }
  const value = redirect ?? sendfile;
  if (value === undefined) return undefined;
  return { kind: redirect === undefined ? 'sendfile' : 'redirect', value, ...readDetails(raw) };
}

function readDetails(raw: readonly string[]): Pick<AppOrder, 'fields' | 'limitRate'> {
  const fields: string[] = [];
  let limitRate = 0;
  let charset = '';
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    const value = raw[index + 1] ?? '';
    if (lower === 'x-accel-limit-rate') limitRate = readRate(value);
    else if (lower === 'x-accel-charset') charset = value === 'off' ? '' : value;
    // An empty Content-Type is how an app says that it does not know: the file's name decides.
    else if (KEPT.has(lower) && (value !== '' || lower !== 'content-type')) fields.push(name, value);
  }
  if (charset !== '') {
    const at = fields.findIndex((field, index) => index % 2 === 0 && field.toLowerCase() === 'content-type');
    const type = fields[at + 1];
    if (at >= 0 && type !== undefined && TEXT.test(type)) fields[at + 1] = withCharset(type, charset);
  }
  return { fields, limitRate };
}

/** nginx reads a plain number of bytes a second, and `off`. */
function readRate(value: string): number {
  const rate = /^\d+$/.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(rate) ? rate : 0;
}

const CHARSET = /;\s*charset=(?:"[^"]*"|[^;]*)/i;

/** The type with this charset in place of its own. */
function withCharset(type: string, charset: string): string {
  const { index, 0: own = '' } = CHARSET.exec(type) ?? { index: type.length };
  // Not by the pattern: from each space of many it would look for the semicolon behind all of them.
  return `${type.slice(0, index).trimEnd()}${type.slice(index + own.length)}; charset=${charset}`;
}
