// Cache-Control of files (nginx: expires).
import type { FileLocation } from '../config/location.js';

/** A name that carries a hash of its content, as Django's ManifestStaticFilesStorage makes: `app.3f2a9c1b8d7e.css`. */
const HASHED_NAME = /\.[0-9a-f]{12}(?:\.[^./]*)?$/;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The Cache-Control field for each file of a location. */
export function cacheControlFor(
  location: Pick<FileLocation, 'kind' | 'maxAge' | 'cacheControl'>,
): (name: string) => string {
  const usual = `public, max-age=${Math.floor(location.maxAge / 1000)}`;
  const rules = (location.cacheControl ?? []).map(({ match, value }) => ({
    pattern: new RegExp(match),
    value,
  }));
  // In uploads a stranger chooses the name, so that it promises nothing about the content.
  if (location.kind === 'static') rules.push({ pattern: HASHED_NAME, value: IMMUTABLE });
  if (rules.length === 0) return () => usual;
  return (name) => rules.find(({ pattern }) => pattern.test(name))?.value ?? usual;
}
