// Addresses as operators write them: ':8000', 'host:8000', '[::1]:8000', 'http://host:8000', 'unix:/run/app.sock'.
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { quote } from './errors.js';
import { withoutShell } from './text.js';

/** Where to listen or to connect. `host` is absent when only a port was given; IPv6 hosts carry no brackets. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const FORMS = 'write :8000, 127.0.0.1:8000, [::1]:8000 or unix:/run/app.sock';
/** In bytes (Linux: sun_path in unix(7)); other systems allow a few less and refuse by themselves. */
const LONGEST_SOCKET_NAME = 107;
const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/@?#\s]*)):(\d{1,5})$/;

/**
 * Reads a listening address. A bare number is a port, as in `PORT=8080`; port 0 lets the system choose.
 * @throws {TypeError} with a message that says what to write instead.
 */
export function parseListenAddress(text: string): Address {
  return parseAddress(/^\d+$/.test(text) ? `:${text}` : text, 0);
}

/**
 * Reads the app's address; `http://` may stand before it.
 * @throws {TypeError} with a message that says what to write instead.
 */
export function parseUpstreamAddress(text: string): Address {
  if (text.startsWith('https://')) {
    throw new TypeError(
      `${quote(text)} speaks TLS, and the app behind this server is reached over plain HTTP; write http:// and the port that gunicorn or uvicorn listens on`,
    );
  }
  if (text.startsWith('http://')) {
    const authority = text.slice('http://'.length).replace(/\/$/, '');
    if (/[/?#]/.test(authority)) {
      throw new TypeError(
        `${quote(text)} has a path, and requests keep their own; write only http://host:port`,
      );
    }
    const hasPort = authority === '' || /:\d+$/.test(authority);
    return parseAddress(hasPort ? authority : `${authority}:80`, 1);
  }
  return parseAddress(text, 1);
}

function parseAddress(text: string, lowestPort: number): Address {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (path === '') throw new TypeError(`${quote(text)} names no socket file; write unix:/run/app.sock`);
    const absolute = resolve(withoutShell(path));
    // The system's limit is 108 with the final NUL; a longer name would be cut off and mean another socket.
    if (Buffer.byteLength(absolute) > LONGEST_SOCKET_NAME) {
      throw new TypeError(
        `${quote(absolute)} is too long for a socket; write a path of at most ${LONGEST_SOCKET_NAME} bytes`,
      );
    }
    return { kind: 'unix', path: absolute };
  }
  const match = HOST_PORT.exec(text);
  if (match === null)
    throw new TypeError(`${quote(text)} is not an address; ${writeInstead(text, lowestPort)}`);
  const port = Number(match[3]);
  if (port < lowestPort || port > 65535) {
    throw new TypeError(`${quote(text)} has no valid port; ports go from ${lowestPort} to 65535`);
  }
  return { kind: 'tcp', host: match[1] ?? (match[2] || undefined), port };
}

/** The address that was meant, where only its form is wrong. */
function writeInstead(text: string, lowestPort: number): string {
  if (/^\d{1,5}$/.test(text)) return `write :${text} for a port of this machine`;
  if (/^(?:\.{0,2}\/|[^:/]*\.sock$)/.test(text)) return `write unix:${text} for a socket`;
  const scheme = /^([a-z][a-z+]*):\/\//i.exec(text)?.[0];
  if (scheme !== undefined) return `write it without ${scheme} and path, such as 127.0.0.1:8000`;
  // Whether that is an address of IPv6 or has a port at its end, nobody can tell.
  if (/:\d{4,5}$/.test(text)) return FORMS;
  const host = isIP(text.replace(/^\[(.*)\]$/, '$1')) === 6 ? `[${text.replace(/[[\]]/g, '')}]` : text;
  // localhost, a name with dots or an IP address: anything else may be any mistake.
  if (host.startsWith('[') || isIP(host) === 4 || /^(?:localhost|[\w-]+(?:\.[\w-]+)+)$/i.test(host)) {
    return `write it with its port, such as ${host}:${lowestPort === 0 ? 8080 : 8000}`;
  }
  return FORMS;
}

/** The address as it is written in logs and messages. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host ?? '';
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
