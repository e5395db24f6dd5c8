// Fields by which a proxy tells an app what a client must not say of itself: where the line is drawn, name by name.

/**
 * `said`: this server says it itself, and what came is at most read. `passed`: as it came, when a trusted proxy has sent
 * it, and not at all from anybody else. `dropped`: whoever has sent it.
 */
export type Treatment = 'said' | 'passed' | 'dropped';

/** One row of the table. */
export interface ProxyFields {
  /** In lower case; a `*` stands for any ending that no earlier row has. */
  readonly names: readonly string[];
  readonly treatment: Treatment;
  /** In Markdown, for the README. */
  readonly why: string;
}

/** The table. The first row that has a name counts. */
export const PROXY_FIELDS: readonly ProxyFields[] = [
  {
    names: ['x-forwarded-for', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
    treatment: 'said',
    why: 'who the client is and how it came; the app is told what was found out (`X-Real-IP` says nothing that `X-Forwarded-For` does not, and is not read)',
  },
  {
    names: ['x-request-id'],
    treatment: 'said',
    why: "the request's id: a trusted proxy's, when it is one (up to 200 letters, digits and `_ . : + / = @ -`), or one of this server's",
  },
  {
    names: [
      'forwarded',
      'x-forwarded',
      'x-forwarded-by',
      'x-forwarded-protocol',
      'x-forwarded-scheme',
      'x-forwarded-ssl',
    ],
    treatment: 'dropped',
    why: 'they say the same a second time, and gunicorn refuses requests whose two answers differ; `Forwarded` is read, when there is no `X-Forwarded-For`',
  },
  {
    names: ['x-forwarded-*'],
    treatment: 'passed',
    why: 'what the proxy has found out: `-User`, `-Email`, `-Groups`, `-Preferred-Username`, `-Access-Token` (oauth2-proxy), `-Prefix`, client certificates',
  },
  {
    names: ['x-auth-request-*', 'remote-user', 'remote-name', 'remote-email', 'remote-groups'],
    treatment: 'passed',
    why: 'the same under other names (oauth2-proxy, Authelia); to WSGI `Remote-User` is what Django knows as a login made by the server',
  },
];

/** All rows in one pattern, a group for each. */
const PATTERN = new RegExp(
  `^(?:${PROXY_FIELDS.map(({ names }) => `(${names.join('|').replaceAll('*', '.*')})`).join('|')})$`,
);

const FIRST_LETTERS = [...new Set(PROXY_FIELDS.flatMap(({ names }) => names.map((name) => name.charAt(0))))];

/** How a field is treated, by its name in lower case; undefined when it is none of a proxy's. */
export function treatmentOf(lowerCaseName: string): Treatment | undefined {
  // Most fields are none, and their first letter tells.
  if (!FIRST_LETTERS.includes(lowerCaseName.charAt(0))) return undefined;
  const match = PATTERN.exec(lowerCaseName);
  if (match === null) return undefined;
  return PROXY_FIELDS[match.indexOf(lowerCaseName, 1) - 1]?.treatment;
}
