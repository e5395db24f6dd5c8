// Cache-Control of files (nginx: expires).
import type { FileLocation } from '../config/location.js';

/** A name that carries a hash of its content, as Django's ManifestStaticFilesStorage makes: `app.3f2a9c1b8d7e.css`. */
const HASHED_NAME = /\.[0-9a-f]{12}(?:\.[^./]*)?$/;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The Cache-Control field for each file of a location. */
export function cacheControlFor(location: FileLocation): (name: string) => string {
  const usual = `public, max-age=${Math.floor(location.maxAge / 1000)}`;
  // In uploads a stranger chooses the name, so that it promises nothing about the content.
  if (location.kind === 'media') return () => usual;
  return (name) => (HASHED_NAME.test(name) ? IMMUTABLE : usual);
}
