/** What the stubs answer, known to both of them and to the cases. */

/** What `GET /small` answers: 130 bytes of JSON, as a small API does. */
export const SMALL_ANSWER = JSON.stringify({ id: 130, text: 'x'.repeat(110) });

/** The bucket whose objects the fast stub has: the files that are served under `/media/`. */
export const BUCKET = 'bucket';

/** Where `GET /protected-file` redirects to with X-Accel-Redirect. */
export const REDIRECT_TO = '/protected/f4k.jpg';
