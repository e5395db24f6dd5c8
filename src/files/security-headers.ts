// Uploads are untrusted: fields that keep a stranger's file from acting as a part of the site that shows it.
import { type FileLocation, isProtected } from '../config/location.js';
import { essenceOf } from '../http/media-type.js';

/**
 * For everything that a browser may run as a document (HTML, SVG, XML, and whatever is not known to be harmless):
 * no script, no form, no plug-in, no request, and an origin of its own, so that no cookie is in reach.
 * Inline style is left, since pictures in SVG are drawn with it.
 */
const DOCUMENT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/**
 * Types that are shown or played, never run. They go without the policy: `default-src 'none'` keeps a video that is
 * opened on its own from loading itself (seen in Chromium), and `sandbox` keeps Safari from opening a PDF (reported).
 * Each is named in full: of what begins like one of them nobody knows what a browser makes of it.
 */
const SHOWN_TYPES: ReadonlySet<string> = new Set([
  ...below('image', 'apng avif avif-sequence bmp gif heic heic-sequence heif heif-sequence jp2 jpeg jpg jxl'),
  ...below('image', 'pjpeg png tiff vnd.microsoft.icon webp x-icon x-ms-bmp x-png'),
  ...below('video', '3gpp 3gpp2 matroska mp2t mp4 mpeg ogg quicktime webm x-flv x-m4v x-matroska x-ms-asf'),
  ...below('video', 'x-ms-wmv x-msvideo'),
  ...below(
    'audio',
    '3gpp 3gpp2 aac ac3 aiff amr basic eac3 flac matroska midi mp3 mp4 mpeg ogg opus vnd.wave',
  ),
  ...below('audio', 'wav wave webm x-aac x-aiff x-caf x-flac x-m4a x-matroska x-midi x-ms-wma x-wav'),
  ...below('font', 'collection otf sfnt ttf woff woff2'),
  'application/pdf',
]);

function below(type: string, subtypes: string): readonly string[] {
  return subtypes.split(' ').map((subtype) => `${type}/${subtype}`);
}

/** Security fields for a file by its type, names and values in turn. */
export type SecurityFields = (contentType: string) => readonly string[];

/** What holds for all files of a location is computed here, once. */
export function securityFieldsFor(location: Pick<FileLocation, 'kind' | 'access'>): SecurityFields {
  const ofShown = ['X-Content-Type-Options', 'nosniff'];
  const ofOthers = [...ofShown];
  if (location.kind !== 'static') ofOthers.push('Content-Security-Policy', DOCUMENT_POLICY);
  // Uploads under MEDIA_URL are public: other sites, mails and feeds may show them, as they may with nginx. Saying
  // so lets pages with Cross-Origin-Embedder-Policy show them too. Files that need a permission say `same-origin`.
  const shownTo = isProtected(location) ? 'same-origin' : 'cross-origin';
  if (isProtected(location) || location.kind === 'media') {
    for (const fields of [ofShown, ofOthers]) fields.push('Cross-Origin-Resource-Policy', shownTo);
  }
  return (contentType) => (isShown(contentType) ? ofShown : ofOthers);
}

/** True for exactly one media type, well-formed, that no browser runs. */
function isShown(contentType: string): boolean {
  // As most are written: without parameters, in lower case.
  if (SHOWN_TYPES.has(contentType)) return true;
  return SHOWN_TYPES.has(essenceOf(contentType) ?? '');
}
