// Uploads are untrusted: fields that keep a stranger's file from acting as a part of the site that shows it.
import { type FileLocation, isProtected } from '../config/location.js';

/**
 * For everything that a browser may run as a document (HTML, SVG, XML, and whatever is not known to be harmless):
 * no script, no form, no plug-in, no request, and an origin of its own, so that no cookie is in reach.
 * Inline style is left, since pictures in SVG are drawn with it.
 */
const DOCUMENT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/**
 * Types that are shown or played, never run. They go without the policy: `default-src 'none'` keeps a video that is
 * opened on its own from loading itself (seen in Chromium), and `sandbox` keeps Safari from opening a PDF (reported).
 */
const SHOWN_TYPES = /^(?:image\/(?!svg)|video\/|audio\/|font\/|application\/pdf(?:;|$))/i;

/** Security fields for a file of this type, names and values in turn. */
export function securityHeaders(
  location: Pick<FileLocation, 'kind' | 'access'>,
  contentType: string,
): readonly string[] {
  const fields = ['X-Content-Type-Options', 'nosniff'];
  if (location.kind !== 'static' && !SHOWN_TYPES.test(contentType))
    fields.push('Content-Security-Policy', DOCUMENT_POLICY);
  // Uploads under MEDIA_URL are public: other sites, mails and feeds may show them, as they may with nginx. Saying
  // so lets pages with Cross-Origin-Embedder-Policy show them too. Files that need a permission say `same-origin`.
  if (isProtected(location)) fields.push('Cross-Origin-Resource-Policy', 'same-origin');
  else if (location.kind === 'media') fields.push('Cross-Origin-Resource-Policy', 'cross-origin');
  return fields;
}
