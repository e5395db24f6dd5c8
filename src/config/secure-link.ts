// What signed links are made of: where the secret is kept, and nginx's expressions (secure_link_md5).
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BadValueError } from './errors.js';
import { trimMistakes } from './text.js';
import type { ValueType } from './values.js';

/** A secret, in an object that neither a log line nor an error message can show by accident. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The secret itself. */
  reveal(): Buffer {
    return this.#bytes;
  }

  toJSON(): string {
    return '[secret]';
  }
}

/** A variable of an expression, with what goes on in its name (`$arg_user`: `arg`, `user`). */
export interface LinkVariable {
  readonly variable: string;
  readonly argument: string;
}

/** A piece of an expression. */
export type LinkPart = { readonly text: string } | LinkVariable;

/** The pieces of an expression, in order. */
export type LinkExpression = readonly LinkPart[];

/** Variables that name themselves completely. */
const VARIABLES = new Set(['secure_link_expires', 'uri', 'remote_addr', 'host', 'secret']);
/** Variables whose name goes on: `$arg_user`, `$cookie_sessionid`, `$http_user_agent`. */
const FAMILIES = ['arg', 'cookie', 'http'];

/** How links to a location are signed. */
export type SecureLink =
  | { readonly scheme: 'hmac-sha256'; readonly secret: Secret }
  | { readonly scheme: 'md5'; readonly secret: Secret | undefined; readonly expression: LinkExpression };

/** Where a secret is kept: the variable's name or the file's path. */
export interface SecretPlace {
  readonly kind: 'env' | 'file';
  readonly name: string;
}

/** What the places of secrets are in. */
export interface SecretSource {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start. */
  readonly directory: string;
}

/** `env:NAME` or `file:PATH`: a secret stands neither in the config file nor on a command line, which all can read. */
export const linkSecret: ValueType<SecretPlace> = {
  placeholder: 'SECRET',
  // A message about it must not show it.
  isVerbatim: true,
  // No pattern: the message of a value that does not match would show it.
  schema: { type: 'string', minLength: 1 },
  parse(value) {
    const [, kind, name = ''] = /^(env|file):(.+)$/s.exec(String(value)) ?? [];
    if (kind !== 'env' && kind !== 'file') {
      // The value is not repeated here: it may be the secret itself.
      throw new TypeError('does not say where the secret is; write env:NAME or file:/run/secrets/NAME');
    }
    return { kind, name };
  },
};

function readSecret(
  { kind, name }: SecretPlace,
  { environment, directory }: SecretSource,
  from: string,
): Secret {
  const text = environment[name] ?? '';
  // Which of two servers leaves these out, and which does not, nobody knows: their links would not agree.
  if (kind === 'env' && trimMistakes(text) !== text) {
    const problem = `env:${name} has blanks, a line end or quotes around it, which some readers of files with variables keep and others do not; write it without`;
    throw new BadValueError(`${from}.secureLinkSecret`, problem);
  }
  const bytes = kind === 'env' ? Buffer.from(text) : readSecretFile(resolve(directory, name), from);
  if (bytes.length > 0) return new Secret(bytes);
  throw new BadValueError(`${from}.secureLinkSecret`, `${kind}:${name} is empty or not set`);
}

function readSecretFile(path: string, from: string): Buffer {
  try {
    // Editors and `echo` end a file with a line end; nobody means it.
    return Buffer.from(readFileSync(path, 'latin1').replace(/\r?\n$/, ''), 'latin1');
  } catch (error) {
    const problem = `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new BadValueError(`${from}.secureLinkSecret`, problem);
  }
}

/** An expression of nginx's secure_link_md5, such as `$secure_link_expires$uri$remote_addr $secret`. */
export const linkExpression: ValueType<LinkExpression> = {
  placeholder: 'EXPRESSION',
  isVerbatim: true,
  schema: { type: 'string', minLength: 1 },
  parse(value) {
    const parts = String(value).split(/\$(?:\{(\w+)\}|(\w+))/);
    return parts.flatMap((text, index): LinkPart[] => {
      if (text === undefined) return [];
      // Of every three parts the first is text, one of the others the variable's name.
      return index % 3 === 0 ? (text === '' ? [] : [{ text }]) : [readVariable(text)];
    });
  },
};

function readVariable(name: string): LinkVariable {
  if (VARIABLES.has(name)) return { variable: name, argument: '' };
  const [, family = '', argument = ''] = /^([a-z]+)_(\w+)$/.exec(name) ?? [];
  if (FAMILIES.includes(family)) return { variable: family, argument: argument.toLowerCase() };
  const known = [...VARIABLES, ...FAMILIES.map((prefix) => `${prefix}_NAME`)].map((known) => `$${known}`);
  throw new TypeError(`has an unknown variable $${name}; known here: ${known.join(', ')}`);
}

/** A location's options about links. */
export interface SecureLinkOptions {
  readonly secureLink?: SecureLink['scheme'] | undefined;
  readonly secureLinkSecret?: SecretPlace | undefined;
  readonly secureLinkMd5?: LinkExpression | undefined;
}

/**
 * Puts a location's options about links together; undefined when links need no signature.
 * @throws {BadValueError} when the secret is missing or cannot be read
 */
export function describeSecureLink(
  from: string,
  { secureLink: scheme, secureLinkSecret: place, secureLinkMd5: expression = [] }: SecureLinkOptions,
  source: SecretSource,
): SecureLink | undefined {
  if (scheme === undefined) return undefined;
  const secret = place === undefined ? undefined : readSecret(place, source, from);
  const needsSecret =
    scheme === 'hmac-sha256' || expression.some((part) => 'variable' in part && part.variable === 'secret');
  if (needsSecret && secret === undefined) {
    const problem = 'has secureLink and no secureLinkSecret; write env:NAME or file:/run/secrets/NAME';
    throw new BadValueError(from, problem);
  }
  if (scheme === 'md5') return { scheme, secret, expression };
  return { scheme, secret: secret as Secret };
}
