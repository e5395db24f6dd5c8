// Header hygiene: what a proxy must not pass on (RFC 9110 §7.6.1).

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
 * naming such), and a client that could remove them would hide who it is, or somebody's session, from the app.
 */
const END_TO_END =
  /^(?:x-forwarded-.*|x-real-ip|x-request-id|forwarded|host|cookie|set-cookie|authorization|cache-control|expires|vary|etag|location|content-.*|x-accel-.*)$/;

/** True for the fields that concern only one connection. */
export function isHopByHop(lowerCaseName: string): boolean {
  return HOP_BY_HOP.has(lowerCaseName);
}

/** The names that a Connection field nominates for removal, in lower case. */
export function connectionOptions(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined) return undefined;
  const lower = connection.toLowerCase();
  if (lower === 'close' || lower === 'keep-alive') return undefined;
  const names = lower.split(',').map((name) => name.trim());
  return new Set(names.filter((name) => name !== '' && !END_TO_END.test(name)));
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
