// Signed links (nginx: ngx_http_secure_link_module). A link is good when its signature is; then its time counts.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { LinkExpression, LinkVariable, SecureLink } from '../config/secure-link.js';
import { LinkExpiredError, LinkWrongError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { Target } from '../http/target.js';
import type { AccessHandler } from './access-handler.js';

/** Base64url of 32 bytes (HMAC-SHA256) and of 16 (MD5), with or without the padding that nginx accepts too. */
const SHA256 = /^[\w-]{43}=?$/;
const MD5 = /^[\w-]{22}={0,2}$/;

/** Checks the signature of each link and its time of expiry, in seconds since the epoch. */
export function createSecureLink(link: SecureLink): AccessHandler {
  return link.scheme === 'md5' ? md5Handler(link) : hmacHandler(link.secret.reveal());
}

/** The signature is the HMAC-SHA256 of `PATH\nEXPIRES`, the path decoded. */
function hmacHandler(secret: Buffer): AccessHandler {
  return (_exchange, target) => {
    const expires = argument(target, 'expires');
    const signature = argument(target, 'signature');
    if (!SHA256.test(signature) || !isTime(expires)) throw new LinkWrongError();
    const expected = createHmac('sha256', secret).update(`${target.path}\n${expires}`, 'latin1').digest();
    return decide(signature, expected, expires);
  };
}

/** nginx's scheme: the MD5 of an expression in which the secret stands. */
function md5Handler({ secret, expression }: SecureLink & { scheme: 'md5' }): AccessHandler {
  // What is not signed cannot be believed: without it in the expression, links are good for ever.
  const hasTime = expression.some(
    (part) =>
      'variable' in part &&
      (part.variable === 'secure_link_expires' || (part.variable === 'arg' && part.argument === 'expires')),
  );
  const text = secret?.reveal().toString('latin1') ?? '';
  return (exchange, target) => {
    const md5 = argument(target, 'md5');
    const expires = hasTime ? argument(target, 'expires') : undefined;
    if (!MD5.test(md5) || (expires !== undefined && !isTime(expires))) throw new LinkWrongError();
    const signed = evaluate(expression, (part) => variableValue(part, exchange, target, expires ?? '', text));
    return decide(md5, createHash('md5').update(signed, 'latin1').digest(), expires);
  };
}

function decide(given: string, expected: Buffer, expires: string | undefined): true {
  if (!timingSafeEqual(Buffer.from(given, 'base64url'), expected)) throw new LinkWrongError();
  if (expires !== undefined && Number(expires) < Math.floor(Date.now() / 1000)) throw new LinkExpiredError();
  return true;
}

function isTime(text: string): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) > 0;
}

function evaluate(expression: LinkExpression, value: (part: LinkVariable) => string): string {
  let text = '';
  for (const part of expression) {
    // Text of the configuration is UTF-8; everything is compared as bytes.
    text += 'text' in part ? Buffer.from(part.text).toString('latin1') : value(part);
  }
  return text;
}

/** The value of a variable, one character for each byte; empty when there is none, as in nginx. */
function variableValue(
  { variable, argument: name }: LinkVariable,
  { request, origin }: Exchange,
  target: Target,
  expires: string,
  secret: string,
): string {
  switch (variable) {
    case 'secure_link_expires':
      return expires;
    case 'uri':
      return target.path;
    case 'remote_addr':
      return origin.address;
    case 'host':
      return (origin.host ?? '').replace(/:\d*$/, '').toLowerCase();
    case 'secret':
      return secret;
    case 'arg':
      return argument(target, name);
    case 'cookie':
      return cookie(request.headers.cookie ?? '', name);
    default:
      return String(request.headers[name.replaceAll('_', '-')] ?? '');
  }
}

/** An argument of the query as it stands there, not decoded; names count in any case, the first one counts (nginx). */
function argument({ raw }: Target, name: string): string {
  const start = raw.indexOf('?');
  if (start < 0) return '';
  // Not split: a query of nothing but separators would make an object of each.
  const query = `&${raw.slice(start + 1)}&`;
  const at = query.toLowerCase().indexOf(`&${name}=`);
  return at < 0 ? '' : query.slice(at + name.length + 2, query.indexOf('&', at + 1));
}

function cookie(field: string, name: string): string {
  for (const pair of field.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim().toLowerCase() === name)
      return pair.slice(equals + 1).trim();
  }
  return '';
}
