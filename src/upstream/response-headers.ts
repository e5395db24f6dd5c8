// The head of the app's response as the client gets it (nginx: proxy_pass_header, proxy_hide_header).
import { connectionOptions, isHopByHop } from '../http/fields.js';

/** The app's response head, read once. */
export interface ResponseHead {
  /** For the client: field names and values in turn, ready for `writeHead`. */
  readonly fields: string[];
  /** What Content-Length says, in bytes; undefined when the length is not known beforehand. */
  readonly length: number | undefined;
  /** True when the app says the date. */
  readonly dated: boolean;
  /** False when the app asks that nothing of its answer is held back. */
  readonly buffering: boolean;
  /** True when the body ends with its last chunk, not with the connection. */
  readonly chunked: boolean;
  /** Why the answer cannot be passed on, if so. */
  readonly fault: string | undefined;
  /** The app's instructions to this server (X-Accel-*, X-Sendfile), by lower-case name; most answers have none. */
  readonly instructions: ReadonlyMap<string, string> | undefined;
}

/** Statuses that have no body, and whose Content-Length would be wrong (RFC 9110 §8.6). */
function isBodiless(status: number): boolean {
  return status < 200 || status === 204;
}

/** What is to be done with a field, by lower-case name; anything else is passed on. */
const TREATMENT: ReadonlyMap<string, 'drop' | 'length' | 'type' | 'date' | 'connection' | 'encoding'> =
  new Map([
    // The app server's name and version.
    ['server', 'drop'],
    ['content-length', 'length'],
    ['content-type', 'type'],
    ['date', 'date'],
    ['connection', 'connection'],
    ['transfer-encoding', 'encoding'],
  ]);

/**
 * Reads the app's response head.
 * @param raw names and values in turn, as undici gives them
 */
export function readResponseHead(status: number, raw: readonly (Buffer | string)[]): ResponseHead {
  const fields: string[] = [];
  let length: number | undefined;
  let buffering = true;
  let chunked = false;
  let dated = false;
  let fault: string | undefined;
  let nominated: ReadonlySet<string> | undefined;
  let instructions: Map<string, string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = text(raw[index]);
    const value = text(raw[index + 1]);
    const lower = name.toLowerCase();
    switch (TREATMENT.get(lower)) {
      case 'drop':
        continue;
      case 'connection':
        nominated = connectionOptions(value);
        continue;
      case 'encoding':
        chunked = value.toLowerCase() === 'chunked';
        // The coding would be lost with the field, and with it the meaning of the bytes (RFC 9112 §6.1).
        if (!chunked) fault = `its Transfer-Encoding is ${value}`;
        continue;
      case 'length':
        if (isBodiless(status)) continue;
        length = Number(value);
        break;
      case 'date':
        dated = true;
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
  return { fields: without(fields, nominated), length, dated, buffering, chunked, instructions, fault };
}

/** The fields for the client alone: names and values in turn. */
export function responseHeaders(raw: readonly (Buffer | string)[], status = 200): string[] {
  return readResponseHead(status, raw).fields;
}

function without(fields: string[], names: ReadonlySet<string> | undefined): string[] {
  if (names === undefined || names.size === 0) return fields;
  return fields.filter((_, index) => !names.has(fields[index - (index % 2)]?.toLowerCase() ?? ''));
}

/** A field's name or value, one character for each byte. */
export function text(field: Buffer | string | undefined): string {
  return typeof field === 'string' ? field : (field?.toString('latin1') ?? '');
}
