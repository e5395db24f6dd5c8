// The head of the app's response as the client gets it (nginx: proxy_pass_header, proxy_hide_header).
import { connectionOptions, type FieldNames, isHopByHop } from '../http/fields.js';
import type { ResponseStart } from '../http1/response-parser.js';
import { type Relocate, relocateRefresh } from './own-location.js';

/** The app's response head, read once. */
export interface ResponseHead {
  /** For the client: field names and values in turn, ready for `writeHead`. */
  readonly fields: string[];
  /** True when the app announces trailers. */
  readonly announcesTrailers: boolean;
  /** False when the app asks that nothing of its answer is held back. */
  readonly buffering: boolean;
  /** The app's instructions to this server (X-Accel-*, X-Sendfile), by lower-case name; most answers have none. */
  readonly instructions: ReadonlyMap<string, string> | undefined;
}

/** Statuses that have no body, and whose Content-Length would be wrong (RFC 9110 §8.6). */
function isBodiless(status: number): boolean {
  return status < 200 || status === 204;
}

/** What is to be done with a field, by lower-case name; anything else is passed on. */
const TREATMENT: ReadonlyMap<
  string,
  'drop' | 'length' | 'type' | 'trailer' | 'upgrade' | 'location' | 'refresh'
> = new Map([
  ['trailer', 'trailer'],
  // The app server's name and version.
  ['server', 'drop'],
  ['content-length', 'length'],
  ['content-type', 'type'],
  ['upgrade', 'upgrade'],
  ['location', 'location'],
  ['refresh', 'refresh'],
]);

/** Its Upgrade field names the protocols that it asks for (RFC 9110 §15.5.22), and says nothing without it. */
const UPGRADE_REQUIRED = 426;

/**
 * Reads the app's response head.
 * @param relocate what is done with references to the app's own address
 */
export function readResponseHead(
  { status, fields: raw, connection }: Pick<ResponseStart, 'status' | 'fields' | 'connection'>,
  relocate?: Relocate,
): ResponseHead {
  const fields: string[] = [];
  let buffering = true;
  let announcesTrailers = false;
  let instructions: Map<string, string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    let value = raw[index + 1] ?? '';
    const lower = name.toLowerCase();
    switch (TREATMENT.get(lower)) {
      case 'drop':
        continue;
      case 'length':
        if (isBodiless(status)) continue;
        break;
      case 'upgrade':
        // In any other answer it is an offer of the app's, such as Apache's of HTTP/2, which is not for our clients.
        if (status !== UPGRADE_REQUIRED) continue;
        break;
      case 'location':
        if (relocate !== undefined) value = relocate(value);
        break;
      case 'refresh':
        if (relocate !== undefined) value = relocateRefresh(value, relocate);
        break;
      case 'trailer':
        announcesTrailers = true;
        break;
      case 'type':
        if (value.startsWith('text/event-stream')) buffering = false;
        break;
      case undefined:
        if (lower.startsWith('x-accel-') || lower === 'x-sendfile') {
          instructions ??= new Map();
          instructions.set(lower, value);
          continue;
        }
        if (isHopByHop(lower)) continue;
    }
    fields.push(name, value);
  }
  if (instructions?.get('x-accel-buffering')?.toLowerCase() === 'no') buffering = false;
  return {
    fields: without(fields, connectionOptions(connection)),
    announcesTrailers,
    buffering,
    instructions,
  };
}

function without(fields: string[], names: FieldNames | undefined): string[] {
  if (names === undefined) return fields;
  return fields.filter((_, index) => names[fields[index - (index % 2)]?.toLowerCase() ?? ''] === undefined);
}
