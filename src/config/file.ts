// Reads the config file and checks its shape, so that every mistake is one line that names the place.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import { BadValueError, quote } from './errors.js';
import { parseJsonc } from './jsonc.js';
import { explainUnknownKey, explainWord } from './misplaced.js';
import type { LocationKind } from './options/option.js';
import { LOCATION_KINDS, locationSchema, serverSchema } from './schema.js';

/** The file's content after the shape check; values are still as written. */
export interface ConfigFile {
  /** The path as it is shown in messages. */
  readonly path: string;
  /** Relative directories in the file start here. */
  readonly directory: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly locations: readonly LocationEntry[];
  /** Whether it has the list at all: one that is empty has said that there is none. */
  readonly hasLocations: boolean;
  /** What each location is called in messages, in their order. */
  readonly places: readonly string[];
  /** What is to be said at the start, and is no reason not to start. */
  readonly notes: readonly string[];
}

/** One element of `locations`, as written. */
export interface LocationEntry {
  readonly kind: LocationKind;
  readonly prefix: string;
  readonly [key: string]: unknown;
}

/** @throws {BadValueError} when the file cannot be read, is not JSON, or holds something unknown. */
export function readConfigFile(path: string, from: string): ConfigFile {
  const content = parseJson(readText(path, from), path);
  return checkContent(content, path, (index) => `locations[${index}]`);
}

/**
 * Checks the shape of a configuration, wherever it comes from.
 * @param path of the file it comes from; relative directories start beside it
 * @param placeOf what a location is called in messages
 * @throws {BadValueError} when it holds something unknown
 */
export function checkContent(
  content: unknown,
  path: string,
  placeOf: (index: number) => string,
  notes: readonly string[] = [],
): ConfigFile {
  // Locations are checked one by one, each against its own kind: a union's errors would name every kind.
  check(validatorOf('server'), content, path, '');
  const {
    locations = [],
    $schema: _,
    ...options
  } = content as { locations?: unknown[] } & Record<string, unknown>;
  for (const [index, entry] of locations.entries()) {
    const place = placeOf(index);
    const given: unknown = (entry as Partial<LocationEntry> | null)?.kind;
    const kind = LOCATION_KINDS.find((known) => known === given);
    if (kind === undefined) throw new BadValueError(`${path}: ${place}`, explainKind(given));
    check(validatorOf(kind), entry, path, place);
  }
  return {
    path,
    directory: dirname(path),
    options,
    locations: locations as LocationEntry[],
    hasLocations: Object.hasOwn(content as object, 'locations'),
    places: locations.map((_, index) => `${path}: ${placeOf(index)}`),
    notes,
  };
}

/** What checks the top of the file, and a location of each kind: to compile one takes longer than to check a hundred. */
const VALIDATORS = new Map<'server' | LocationKind, ValidateFunction>();

function validatorOf(part: 'server' | LocationKind): ValidateFunction {
  const known = VALIDATORS.get(part);
  if (known !== undefined) return known;
  const compiled = createAjv().compile(part === 'server' ? serverSchema({}) : locationSchema(part));
  VALIDATORS.set(part, compiled);
  return compiled;
}

/** Loads Ajv, which most starts do without: `require`, so that reading the configuration needs no promise. */
function createAjv(): Ajv {
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof import('ajv');
  // What it would save is less than what the optimizing takes: few values are checked, and once.
  return new Ajv({ allowUnionTypes: true, strict: false, verbose: true, code: { optimize: false } });
}

function readText(path: string, from: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BadValueError(from, `${path} cannot be read (${code}); write the path of a JSON file`);
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return parseJsonc(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new BadValueError(path, `is not JSON: ${error.message}`);
  }
}

function check(validate: ValidateFunction, value: unknown, path: string, place: string): void {
  if (validate(value)) return;
  const [error] = validate.errors ?? [];
  if (error === undefined) return;
  const inside = error.instancePath.replace(/\/(\d+)/g, '[$1]').replaceAll('/', '.');
  const where = `${place}${inside}`.replace(/^\./, '');
  throw new BadValueError(where === '' ? path : `${path}: ${where}`, explain(error, value));
}

/** What nginx and others call the kinds. */
const KINDS_OF_OTHERS: Readonly<Record<string, LocationKind>> = {
  proxy: 'upstream',
  proxy_pass: 'upstream',
  app: 'upstream',
  backend: 'upstream',
  uploads: 'media',
  files: 'media',
  alias: 'media',
  assets: 'static',
  protected: 'internal',
  deny: 'denied',
  forbidden: 'denied',
};

function explainKind(given: unknown): string {
  if (given === undefined) {
    return `has no known "kind"; write one of ${LOCATION_KINDS.map(quote).join(', ')}`;
  }
  const word = String(given).toLowerCase();
  const meant = Object.hasOwn(KINDS_OF_OTHERS, word) ? KINDS_OF_OTHERS[word] : undefined;
  const said = explainWord(given, LOCATION_KINDS);
  return `has the "kind" ${said}${meant === undefined ? '' : `; write ${quote(meant)}`}`;
}

function explain(error: ErrorObject, value: unknown): string {
  const parameters = error.params as Record<string, unknown>;
  const given = error.instancePath
    .split('/')
    .slice(1)
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);
  if (error.keyword === 'additionalProperties' || error.keyword === 'required') {
    const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
    // What is missing may stand there under another name.
    const unknown = Object.keys(given as object).find((key) => !known.includes(key));
    return unknown === undefined
      ? `has no ${quote(parameters['missingProperty'])}`
      : explainUnknownKey(unknown, known, known.includes('locations'));
  }
  if (error.keyword === 'enum') {
    return explainWord(given, parameters['allowedValues'] as string[]);
  }
  return `${quote(given)} ${error.message ?? 'is not allowed here'}`;
}
