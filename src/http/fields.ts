// Header hygiene: what a proxy must not pass on (RFC 9110 §7.6.1).
import { treatmentOf } from './proxy-fields.js';

/** Fields of one connection only, in lower case. `Proxy-Connection` is no standard and as old as the mistake. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Fields that a Connection field cannot make a proxy drop. They are meant for the end (RFC 9110 §7.6.1 forbids
 * naming such), and a client that could remove them would hide who it is, or somebody's session, from the app, or have
 * requests go round for ever.
 */
const END_TO_END =
  /^(?:cdn-loop|host|cookie|set-cookie|authorization|cache-control|expires|vary|etag|location|content-.*|x-accel-.*)$/;

/** True for the fields that concern only one connection. */
export function isHopByHop(lowerCaseName: string): boolean {
  return HOP_BY_HOP.has(lowerCaseName);
}

/** Names of fields, in lower case, as keys. */
export type FieldNames = Readonly<Record<string, true>>;

/**
 * The names that Connection fields nominate for removal, besides those that are hop-by-hop anyway; undefined when there
 * are none.
 * They are no Set: to Node 20.19 all strings of digits can be made to fall on one place of it, however many they are.
 * @param connection in lower case, as one list
 */
export function connectionOptions(connection: string | undefined): FieldNames | undefined {
  if (connection === undefined || connection === 'close' || connection === 'keep-alive') return undefined;
  let names: Record<string, true> | undefined;
  for (const option of connection.split(',')) {
    const name = option.trim();
    if (name === '' || HOP_BY_HOP.has(name) || END_TO_END.test(name) || treatmentOf(name) !== undefined)
      continue;
    names ??= Object.create(null) as Record<string, true>;
    names[name] = true;
  }
  return names;
}

/** True when a list (RFC 9110 §5.6.1) in lower case has this element. */
export function hasElement(list: string | undefined, element: string): boolean {
  if (list === undefined) return false;
  if (list === element) return true;
  // Only what holds it is looked at: to take the whole list apart costs more than to find it.
  for (let at = list.indexOf(element); at >= 0; ) {
    const comma = list.indexOf(',', at);
    const end = comma < 0 ? list.length : comma;
    if (list.slice(list.lastIndexOf(',', at) + 1, end).trim() === element) return true;
    at = list.indexOf(element, end);
  }
  return false;
}

/** The value of a field in a flat list of names and values, as Node keeps raw headers. */
export function fieldValue(raw: readonly string[], lowerCaseName: string): string | undefined {
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() === lowerCaseName) return raw[index + 1];
  }
  return undefined;
}

/** `usual` without the fields that `own` names; both are names and values in turn. */
export function withoutFields(usual: readonly string[], own: readonly string[]): readonly string[] {
  if (own.length === 0) return usual;
  const replaced = new Set(own.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  return usual.filter((_, index) => !replaced.has(usual[index - (index % 2)]?.toLowerCase() ?? ''));
}

/** `usual` with the fields of `own` in their place; an empty value removes a field. */
export function replaceFields(usual: readonly string[], own: readonly string[]): readonly string[] {
  if (own.length === 0) return usual;
  const kept = own.filter((_, index) => own[index - (index % 2) + 1] !== '');
  return [...withoutFields(usual, own), ...kept];
}
