// The kinds of value an option can have: how each is read from text, and what the config file's schema says of it.
import { resolve } from 'node:path';
import { type Address, parseListenAddress, parseUpstreamAddress } from './address.js';
import { DOTFILE, isSecret } from './dotfile.js';
import { quote } from './errors.js';
import type { JsonSchema } from './json-schema.js';
import { type Network, parseNetwork } from './network.js';
import { asMeant, CONTROL, trimMistakes, withoutShell } from './text.js';

/** A kind of option value. */
export interface ValueType<T> {
  /** What stands for the value in `--help`, for example `DURATION`; empty for switches. */
  readonly placeholder: string;
  /** What the config file may hold; it has passed this schema before `parse` sees it. */
  readonly schema: JsonSchema;
  /** Set when the flag may be given several times; `parse` then gets each one, or all of them together. */
  readonly repeatable?: true | 'together';
  /** Set when `parse` gets the text as it was given, with blanks and quotes around it (see text.ts). */
  readonly isVerbatim?: true;
  /**
   * Reads the value, given as text by flag or environment, or as JSON by the file.
   * @throws {TypeError} with a message that says what is wrong and what to write instead.
   */
  parse(value: unknown): T;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A span of time in milliseconds, written as nginx writes it: `500ms`, `60s`, `10m`, `1h`, `7d`; a bare number is seconds. */
export const duration: ValueType<number> = {
  placeholder: 'DURATION',
  schema: { anyOf: [{ type: 'string' }, { type: 'number', minimum: 0 }] },
  parse(value) {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(String(value).trim());
    const milliseconds = Number(match?.[1]) * (MILLISECONDS[match?.[2] ?? 's'] ?? Number.NaN);
    // setTimeout's limit, about 24.8 days, does not bind max-age; a year of immutable files must fit.
    if (!Number.isSafeInteger(Math.round(milliseconds))) {
      throw new TypeError(
        `${quote(value)} is not a duration; write a number with ms, s, m, h or d, such as 60s`,
      );
    }
    return Math.round(milliseconds);
  },
};

/** A time limit in milliseconds; Node's timers cannot wait longer than 24 days. */
export const timeout: ValueType<number> = {
  ...duration,
  parse(value) {
    const milliseconds = duration.parse(value);
    if (milliseconds >= 2 ** 31)
      throw new TypeError(`${quote(value)} is longer than a timer can wait; write at most 24d`);
    return milliseconds;
  },
};

/** A time limit that there must be. */
export const requiredTimeout: ValueType<number> = {
  ...timeout,
  parse(value) {
    const milliseconds = timeout.parse(value);
    if (milliseconds === 0)
      throw new TypeError(
        `${quote(value)} is no time at all, and there must be a limit; write one such as 10s`,
      );
    return milliseconds;
  },
};

/** A number of bytes: `512`, `64kb`, `100mb`, `1gb`; powers of 1024, as in nginx. */
export const size: ValueType<number> = {
  placeholder: 'SIZE',
  schema: { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 0 }] },
  parse(value) {
    const match = /^(\d+)\s*([kmg]?)(?:i?b)?$/i.exec(String(value).trim());
    const power = ['', 'k', 'm', 'g'].indexOf((match?.[2] ?? '').toLowerCase());
    const bytes = Number(match?.[1]) * 1024 ** power;
    if (!Number.isSafeInteger(bytes)) {
      throw new TypeError(
        `${quote(value)} is not a size; write a number of bytes, or one with kb, mb or gb, such as 100mb`,
      );
    }
    return bytes;
  },
};

/** A whole number. */
export const count: ValueType<number> = {
  placeholder: 'NUMBER',
  schema: { type: 'integer', minimum: 0 },
  parse(value) {
    if (!/^\d{1,9}$/.test(String(value))) {
      throw new TypeError(`${quote(value)} is not a whole number; write one such as 64`);
    }
    return Number(value);
  },
};

/** A whole number of what there must be one of at least. */
export const countFromOne: ValueType<number> = {
  ...count,
  schema: { type: 'integer', minimum: 1 },
  parse(value) {
    const number = count.parse(value);
    if (number === 0) throw new TypeError(`${quote(value)} is too few; write 1 or more, such as 1024`);
    return number;
  },
};

/** A value that only the config file can hold; its shape is all that is asked of it, unless `check` asks more. */
export function fromFile<T>(schema: JsonSchema, check: (value: T) => void = () => {}): ValueType<T> {
  return {
    placeholder: 'JSON',
    schema,
    parse(value) {
      // The schema has been checked where the file was read.
      check(value as T);
      return value as T;
    },
  };
}

/** A regular expression of JavaScript, matched against the path below the location's prefix. */
export function checkPattern(pattern: string): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    throw new TypeError(`${quote(pattern)} is no regular expression: ${(error as Error).message}`);
  }
}

/** Field names and values as they may stand in a response (RFC 9110 §5.1, §5.5). */
export function checkFields(fields: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw new TypeError(`${quote(name)} is not a field name`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new TypeError(`${quote(value)} cannot be the value of ${name}; write printable characters only`);
    }
  }
}

/** Fields that tell how a message is framed and when it was made, in lower case: a second opinion would break it. */
const FRAMING = new Set([
  'connection',
  'content-length',
  'content-range',
  'date',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Preconditions are evaluated with the file's own validators: others would be sent and never recognized. */
const VALIDATORS = new Set(['etag', 'last-modified']);

/** Fields that may be added to the responses of a location; one with an empty value is removed from them. */
export function checkAddedFields(fields: Readonly<Record<string, string>>): void {
  checkFields(fields);
  for (const [name, value] of Object.entries(fields)) {
    const lower = name.toLowerCase();
    if (FRAMING.has(lower)) {
      throw new TypeError(`${quote(name)} is set for each response by the server itself; leave it out`);
    }
    if (VALIDATORS.has(lower) && value !== '') {
      throw new TypeError(
        `${quote(name)} comes from the file, for preconditions to hold; leave it out, or write "" to send none`,
      );
    }
  }
}

/** A type as it may stand in Content-Type (RFC 9110 §8.3.1). */
export function checkMediaType(type: string): void {
  if (!/^[\w.+-]+\/[\w.+-]+(?:; ?[\x20-\x7e]+)?$/.test(type)) {
    throw new TypeError(`${quote(type)} is not a media type; write one such as model/gltf-binary`);
  }
}

/** Content types by extension. */
export function checkTypes(types: Readonly<Record<string, string>>): void {
  for (const [extension, type] of Object.entries(types)) {
    // With a dot or a slash in it, it would match no name.
    if (!/^[^./]+$/.test(extension)) {
      throw new TypeError(
        `${quote(extension)} is not an extension; write what follows the last dot of a name, such as "glb"`,
      );
    }
    checkMediaType(type);
  }
}

/** A directory, made absolute against the working directory. Whether it can be read is checked when the server starts. */
export const directory: ValueType<string> = {
  placeholder: 'DIR',
  schema: { type: 'string', minLength: 1 },
  parse: (value) => toPath(value, 'a directory', './media'),
};

/** A file, made absolute against the working directory. */
export const file: ValueType<string> = {
  placeholder: 'FILE',
  schema: { type: 'string', minLength: 1 },
  parse: (value) => toPath(value, 'a file', './media-serve.json'),
};

/** A URL prefix. `media`, `/media` and `https://cdn.example.com/media/` (Django allows it in MEDIA_URL) all mean `/media/`. */
export const prefix: ValueType<string> = {
  placeholder: 'PREFIX',
  schema: { type: 'string', minLength: 1 },
  parse: parsePrefix,
};

/** Of what is denied: without a slash at its end it holds for all that begins like it, as in nginx: `/metrics` itself, too. */
export const deniedPrefix: ValueType<string> = {
  ...prefix,
  parse(value) {
    const whole = parsePrefix(value);
    return whole === '/' || String(value).endsWith('/') ? whole : whole.slice(0, -1);
  },
};

/** A path of the app, with a query perhaps, as it stands in a request. */
export const appPath: ValueType<string> = {
  placeholder: 'PATH',
  schema: { type: 'string', pattern: '^/' },
  parse(value) {
    const text = nonEmpty(value, 'a path of the app', '/may-i/');
    const plain = /^\/(?:[\x21\x22\x24\x26-\x7e]|%(?!00)[0-9a-f]{2})*$/i.test(text);
    if (!plain || /\/(?:\.|%2e){2}(?:[/?]|$)/i.test(text)) {
      throw new TypeError(`${quote(value)} is not a percent-encoded path; write for example /may-i/`);
    }
    return text;
  },
};

/** Where this server listens. */
export const listenAddress: ValueType<Address> = {
  placeholder: 'ADDRESS',
  schema: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'integer', minimum: 0, maximum: 65535 },
    ],
  },
  parse: (value) => parseListenAddress(String(value)),
};

/** The mode of a file, in octal as chmod(1) takes it. */
export const fileMode: ValueType<number> = {
  placeholder: 'MODE',
  schema: { type: 'string', minLength: 1 },
  parse(value) {
    const text = String(value).trim();
    if (!/^0?[0-7]{3}$/.test(text)) {
      throw new TypeError(`${quote(value)} is not a mode; write three digits from 0 to 7, such as 660`);
    }
    return Number.parseInt(text, 8);
  },
};

/** A group of the system, by name or number. */
export const group: ValueType<string> = {
  placeholder: 'GROUP',
  schema: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'integer', minimum: 0 },
    ],
  },
  parse: (value) => nonEmpty(value, 'a group', 'www-data'),
};

/** On or off. The flag is `--name` or `--no-name`; environment and file say true or false. */
export const onOff: ValueType<boolean> = {
  placeholder: '',
  schema: { type: 'boolean' },
  parse(value) {
    const word = String(value).trim().toLowerCase();
    if (['true', 'on', 'yes', '1'].includes(word)) return true;
    if (['false', 'off', 'no', '0'].includes(word)) return false;
    throw new TypeError(`${quote(value)} is neither on nor off; write true or false`);
  },
};

/** One server of the app. */
export interface Upstream {
  readonly address: Address;
  /** True when it gets requests only while all others are left out. */
  readonly backup: boolean;
}

/** One server of the app, as in nginx's `server ADDRESS [backup]`. */
const upstream: ValueType<Upstream> = {
  placeholder: 'ADDRESS',
  schema: { type: 'string', minLength: 1 },
  parse(value) {
    const text = String(value).trim();
    const backup = /\s+backup$/.test(text);
    return { address: parseUpstreamAddress(text.replace(/\s+backup$/, '')), backup };
  },
};

/** A name that begins with a dot, in one segment of a path. */
export const dotfile: ValueType<string> = {
  placeholder: 'NAME',
  schema: { type: 'string', pattern: DOTFILE.source },
  parse(value) {
    const name = String(value).trim();
    if (!DOTFILE.test(name)) {
      throw new TypeError(
        `${quote(value)} is no name of a dotfile; write one whole name with its dot, such as .cache`,
      );
    }
    if (isSecret(name)) {
      throw new TypeError(
        `${quote(value)} may be secret, and is never served; move what visitors are to have`,
      );
    }
    return name;
  },
};

/** Several values: the flag repeated, or separated by commas; in the file also a list. */
export function listOf<T>(type: ValueType<T>): ValueType<readonly T[]> {
  return {
    placeholder: `${type.placeholder},…`,
    schema: { anyOf: [type.schema, { type: 'array', items: type.schema, minItems: 1 }] },
    repeatable: 'together',
    parse(value) {
      const given: unknown[] = Array.isArray(value) ? value : [value];
      const each = given.flatMap((entry) =>
        typeof entry === 'string' ? trimMistakes(entry).split(',') : [entry],
      );
      return each.map((entry) => type.parse(typeof entry === 'string' ? asMeant(entry) : entry));
    },
  };
}

/** Where the app listens: one server or several. */
export const upstreams: ValueType<readonly Upstream[]> = {
  ...listOf(upstream),
  parse(value) {
    const found = listOf(upstream).parse(value);
    if (found.every(({ backup }) => backup)) {
      throw new TypeError(`${quote(value)} has only backup servers; write one without the word backup`);
    }
    return found;
  },
};

/** Addresses that are believed: a CIDR range, an address, or a name for several. */
export const networks: ValueType<readonly Network[]> = {
  ...listOf({ placeholder: 'CIDR', schema: { type: 'string', minLength: 1 }, parse: parseNetwork }),
  parse: (value) =>
    listOf({ placeholder: 'CIDR', schema: { type: 'string' }, parse: parseNetwork })
      .parse(value)
      .flat(),
};

/** A page of the operator's own in place of an error's: `502=FILE`. */
export interface ErrorPageFile {
  readonly status: number;
  /** Absolute path. */
  readonly file: string;
}

/** `STATUS=FILE`. */
export const errorPage: ValueType<ErrorPageFile> = {
  placeholder: 'STATUS=FILE',
  schema: { type: 'string', pattern: '^[45]\\d\\d=.' },
  parse(value) {
    const match = /^([45]\d\d)=(.+)$/s.exec(String(value));
    if (match === null) {
      throw new TypeError(`${quote(value)} is not STATUS=FILE; write for example 502=./pages/502.html`);
    }
    return { status: Number(match[1]), file: resolve(withoutShell(match[2] ?? '')) };
  },
};

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): ValueType<T> {
  return {
    placeholder: words.length > 3 ? 'LEVEL' : words.join('|'),
    schema: { enum: words },
    parse(value) {
      const found = words.find((word) => word === value);
      if (found === undefined) throw new TypeError(`${quote(value)} is not one of ${words.join(', ')}`);
      return found;
    },
  };
}

function nonEmpty(value: unknown, what: string, example: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${quote(value)} does not name ${what}; write for example ${example}`);
  }
  return value;
}

/** An absolute path. */
function toPath(value: unknown, what: string, example: string): string {
  return resolve(withoutShell(nonEmpty(value, what, example)));
}

function parsePrefix(value: unknown): string {
  const text = nonEmpty(value, 'a URL prefix', '/media/');
  const written = text.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const path = decodePath(written);
  if (path === undefined || /[?#]/.test(path)) {
    throw new TypeError(`${quote(value)} is not a URL prefix; write a path such as /media/, without ? or #`);
  }
  // Such a prefix would match no request, or none that is meant.
  if (/["\\]|(?:^|\/)\s|\s(?:\/|$)/.test(written) || CONTROL.test(path)) {
    throw new TypeError(
      `${quote(value)} has a quote, a backslash, a control character or a blank beside a slash in it; write a path such as /media/`,
    );
  }
  const segments = path.split('/').filter(Boolean);
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new TypeError(`${quote(value)} has a dot segment; write the path it stands for`);
  }
  return segments.length === 0 ? '/' : `/${segments.join('/')}/`;
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
