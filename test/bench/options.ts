/** What the benchmark's command line says. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Ids of the cases to run; undefined: all. */
  readonly cases: readonly string[] | undefined;
  /** Ids of the servers to compare; undefined: all. */
  readonly peers: readonly string[] | undefined;
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Core of the server under test, then core of the load and of the stub; undefined: chosen. */
  readonly cores: readonly number[] | undefined;
  /** Where every sample goes as JSON. */
  readonly json: string | undefined;
  readonly list: boolean;
}

export const USAGE = `npm run bench -- [options]
  --cases a,b      only these cases (--list names them)
  --peers a,b      only these servers: media-serve, nginx, caddy, fastify
  --rounds N       rounds, interleaved over the servers (default 5)
  --seconds N      length of one measurement (default 1)
  --cores S,L      core of the server under test, core of the load and the stub (default: the first two)
  --json FILE      also write every sample to FILE
  --list           name the cases and stop`;

/** @throws Error with a message for the user when an option is unknown or has an impossible value. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      cores: { type: 'string' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  const cores = list(values.cores)?.map((core) => wholeNumber('--cores', core, 0));
  if (cores !== undefined && (cores.length !== 2 || cores[0] === cores[1])) {
    throw new Error('--cores wants two different numbers, such as 0,1');
  }
  return {
    cases: list(values.cases),
    peers: list(values.peers),
    rounds: wholeNumber('--rounds', values.rounds, 1),
    seconds: wholeNumber('--seconds', values.seconds, 1),
    cores,
    json: values.json,
    list: values.list,
  };
}

/** Picks what was asked for, in the order of `all`. @throws Error when a name is unknown. */
export function select<T extends { readonly id: string }>(
  option: string,
  wanted: readonly string[] | undefined,
  all: readonly T[],
): readonly T[] {
  const known = all.map(({ id }) => id);
  for (const id of wanted ?? []) {
    if (!known.includes(id))
      throw new Error(`${option}: there is no "${id}"; choose from ${known.join(', ')}`);
  }
  return all.filter(({ id }) => wanted?.includes(id) ?? true);
}

function list(value: string | undefined): readonly string[] | undefined {
  return value?.split(',').map((item) => item.trim());
}

function wholeNumber(option: string, value: string, least: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least) {
    throw new Error(`${option}: "${value}" is not a whole number of at least ${least}`);
  }
  return number;
}
