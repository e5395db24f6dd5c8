// Cache-Control of files (nginx: expires).
import { type FileLocation, isProtected } from '../config/location.js';
import { type BytePath, toText } from '../http/target.js';

/** A name that carries a hash of its content, as Django's ManifestStaticFilesStorage makes: `app.3f2a9c1b8d7e.css`. */
const HASHED_NAME = /\.[0-9a-f]{12}(?:\.[^./]*)?$/;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The Cache-Control field for a file, empty for none; `said` is what its store says, if it says something. */
export type CacheControlOf = (name: BytePath, said?: string) => string;

/** The Cache-Control field for each file of a location. */
export function cacheControlFor(
  location: Pick<FileLocation, 'kind' | 'maxAge' | 'cacheControl' | 'access'>,
): CacheControlOf {
  const own = usualFor(location);
  // What needs a permission must not become everybody's by what was once stored with it.
  const usual = (said: string | undefined): string => (isProtected(location) ? own : (said ?? own));
  const rules = (location.cacheControl ?? []).map(({ match, value }) => ({
    pattern: new RegExp(match),
    value,
  }));
  // In uploads a stranger chooses the name, so that it promises nothing about the content.
  if (location.kind === 'static' && !isProtected(location))
    rules.push({ pattern: HASHED_NAME, value: IMMUTABLE });
  if (rules.length === 0) return (_, said) => usual(said);
  return (name, said) => {
    const text = toText(name);
    return rules.find(({ pattern }) => pattern.test(text))?.value ?? usual(said);
  };
}

/** What not everyone may have is for no shared cache, and browsers ask again as often as the app must be asked. */
function usualFor({ kind, maxAge = 0, access }: Pick<FileLocation, 'kind' | 'maxAge' | 'access'>): string {
  const { authRequest, secureLink } = access;
  if (kind === 'internal') return 'private, no-cache';
  if (authRequest !== undefined) {
    const seconds = Math.floor(Math.min(maxAge, authRequest.cache) / 1000);
    return seconds > 0 ? `private, max-age=${seconds}` : 'private, no-cache';
  }
  return `${secureLink === undefined ? 'public' : 'private'}, max-age=${Math.floor(maxAge / 1000)}`;
}
