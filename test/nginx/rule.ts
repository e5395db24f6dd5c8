/** What a named difference between nginx and media-serve is made of. */
import { isParts, type Outcome } from './outcome.js';
import { parseRequest, type Request } from './request.js';
import { type File, TEXT_TYPES, type Tree, TYPES } from './tree.js';

/** What is known of a request when rules are asked about it; all of it comes from nginx and the disk. */
export interface Facts {
  readonly tree: Tree;
  readonly request: Request;
  /** `media`, `static`, `app`, or `none` for what nginx refused before it chose a location. */
  readonly location: string;
  /** The decoded path as nginx normalized it, or empty. */
  readonly path: string;
  /** nginx's answer to the request as it is. */
  readonly nginx: Outcome;
  /** What the rules so far have made of the request. */
  readonly rewritten: Rewritten;
}

/** The request whose answer by nginx is the right one for us. */
export interface Rewritten {
  readonly request: Request;
  /** Path of the file that it asks for. */
  readonly path: string;
  /** Makes our answer of nginx's, where the file stands for another one. */
  readonly answer: ((outcome: Outcome) => Outcome) | undefined;
}

/**
 * One difference on purpose. Neither function sees our answer: they tell what it must be.
 * A rule is either the answer that nginx gives to another request, or a change to nginx's answer, or both.
 */
export interface Rule {
  /** A short sentence. */
  readonly name: string;
  /** What nginx does. */
  readonly nginx: string;
  /** What media-serve does instead. */
  readonly ours: string;
  /** Why: a section of an RFC, or whom it protects. */
  readonly reason: string;
  /** The request to ask nginx in place of this one; undefined when the rule has nothing to say. */
  rewrite?(facts: Facts): Partial<Rewritten> | undefined;
  /** The answer to expect in place of this one; undefined when the rule has nothing to say. */
  edit?(expected: Outcome, facts: Facts): Outcome | undefined;
}

/** GET or HEAD of something in a file location. */
export function isRead({ request, location }: Facts): boolean {
  return (location === 'media' || location === 'static') && /^(GET|HEAD)$/.test(request.method);
}

/** The file that is asked for; undefined when there is none or media-serve does not show it. */
export function fileOf(facts: Facts): File | undefined {
  return isRead(facts) && !isHidden(facts.path) ? facts.tree.file(facts.rewritten.path) : undefined;
}

/** True when a segment begins with a dot, other than `.well-known`. */
export function isHidden(path: string): boolean {
  return path.split('/').some((segment) => segment.startsWith('.') && segment !== '.well-known');
}

/** The Content-Type that nginx is configured to give a path. */
export function typeOf(path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const type = TYPES[extension] ?? 'application/octet-stream';
  return type === 'text/html' || TEXT_TYPES.includes(type) ? `${type}; charset=utf-8` : type;
}

/** The request with one field of this name, or none. */
export function withField(request: Request, name: string, text: string | undefined): Request {
  const [head = '', ...body] = request.raw.split('\r\n\r\n');
  const lines = head.split('\r\n').filter((line) => !line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  if (text !== undefined) lines.push(`${name}: ${text}`);
  return parseRequest([lines.join('\r\n'), ...body].join('\r\n\r\n'));
}

/** The request with another target. */
export function withTarget(request: Request, target: string): Request {
  return parseRequest(request.raw.replace(request.target, () => target));
}

/** The target that means this decoded path and nothing else. */
export function targetOf(path: string): string {
  return path.replace(
    /[^\w.~/-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** The answer with this Content-Type, in its parts where it has several. */
export function withType(outcome: Outcome, type: string): Outcome {
  if (outcome.headers['content-type'] !== 'multipart/byteranges') {
    return withHeaders(outcome, { 'content-type': type });
  }
  return isParts(outcome.body)
    ? { ...outcome, body: outcome.body.map((part) => ({ ...part, type })) }
    : outcome;
}

/** The answer with these header fields set, or taken away where undefined. */
export function withHeaders(
  outcome: Outcome,
  headers: Readonly<Record<string, string | RegExp | undefined>>,
): Outcome {
  const result: Record<string, string | RegExp> = { ...outcome.headers };
  for (const [name, text] of Object.entries(headers)) {
    if (text === undefined) delete result[name];
    else result[name] = text;
  }
  return { ...outcome, headers: result };
}
