// Where a value comes from. Precedence: flag, environment, file, default.
import { BadValueError } from './errors.js';
import type { ConfigFile } from './file.js';
import type { Option } from './options/option.js';
import {
  environmentOf,
  flagOf,
  isOnCommandLine,
  OPTION_LIST,
  OPTIONS,
  type OptionName,
  type OptionValue,
} from './options.js';
import { asMeant, trimMistakes } from './text.js';
import type { ValueType } from './values.js';

/** What the command line said, by option name; repeatable options hold a list. */
export type Flags = Partial<Record<OptionName, string | boolean | readonly string[]>>;
/** The environment's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value as it was written, and where; `from` starts every message about it. */
export interface Sourced {
  readonly raw: unknown;
  readonly from: string;
}

/** Looks options up by name. */
export interface Lookup {
  readonly environment: Environment;
  /** Where relative paths of the config file start. */
  readonly directory: string;
  /** The option's value, its default, or undefined when it has none. */
  get<N extends OptionName>(name: N): OptionValue<N> | undefined;
}

/** Looks options up in flags, environment, file and default, in this order. */
export class Sources implements Lookup {
  readonly #flags: Flags;
  readonly environment: Environment;
  readonly #file: ConfigFile | undefined;

  constructor(flags: Flags, environment: Environment, file?: ConfigFile) {
    this.#flags = flags;
    this.environment = environment;
    this.#file = file;
  }

  get directory(): string {
    return this.#file?.directory ?? '';
  }

  /** Where the option was given; undefined when only its default remains. */
  find(name: OptionName): Sourced | undefined {
    if (!isOnCommandLine(OPTIONS[name])) return undefined;
    const flag = this.#flags[name];
    if (flag !== undefined) return { raw: flag, from: flagOf(name) };
    for (const variable of environmentOf(name)) {
      const raw = this.environment[variable];
      // An empty variable is what Compose and Kubernetes make of an unset one.
      if (raw !== undefined && trimMistakes(raw) !== '') return { raw, from: variable };
    }
    const raw = this.#file?.options[name];
    return raw === undefined ? undefined : { raw, from: `${this.#file?.path}: ${name}` };
  }

  /** What gave the option, for messages. */
  fromOf(name: OptionName): string {
    return this.find(name)?.from ?? `the default of ${flagOf(name)}`;
  }

  /** @throws {BadValueError} when what was given cannot be used. */
  get<N extends OptionName>(name: N): OptionValue<N> | undefined {
    const row = OPTIONS[name] as Option<OptionValue<N>>;
    const given = this.find(name);
    if (given !== undefined) return read(row.type, given);
    return row.default === undefined ? undefined : row.type.parse(row.default);
  }

  /** The value of an option that has a default. */
  require<N extends OptionName>(name: N): OptionValue<N> {
    const value = this.get(name);
    if (value === undefined) throw new Error(`option ${name} has no default`);
    return value;
  }

  /** Whether the option was given to this server itself: not at all, or by a variable that other programs read, is false. */
  isOwn(name: OptionName): boolean {
    const { environment = [] }: Option<unknown> = OPTIONS[name];
    const given = this.find(name);
    return given !== undefined && !environment.includes(given.from);
  }

  /**
   * Reads everything that was given, so that a bad value is refused also where nothing uses it.
   * @throws {BadValueError}
   */
  checkAll(): void {
    for (const [name, row] of OPTION_LIST) {
      // AWS's variables may be there for others, who know what they mean.
      if (row.onlyFor === 'bucket' && !this.isOwn(name)) continue;
      if (row.type.repeatable === true) this.list(name);
      else this.get(name);
    }
  }

  /** The values of a repeatable option; the environment separates them by commas. */
  list<N extends OptionName>(name: N): { value: OptionValue<N>; from: string }[] {
    const given = this.find(name);
    if (given === undefined) return [];
    const each: unknown[] = Array.isArray(given.raw) ? given.raw : trimMistakes(String(given.raw)).split(',');
    const { type } = OPTIONS[name] as Option<OptionValue<N>>;
    return each.map((raw) => ({
      value: read(type, { raw, from: given.from }),
      from: given.from,
    }));
  }
}

/** Reads a value and says where it came from when it cannot be used. */
export function read<T>(type: ValueType<T>, { raw, from }: Sourced): T {
  // Of a list each entry is looked at where it is taken apart.
  const isText = typeof raw === 'string' && type.repeatable !== 'together' && type.isVerbatim !== true;
  try {
    return type.parse(isText ? asMeant(raw) : raw);
  } catch (error) {
    if (error instanceof TypeError) throw new BadValueError(from, error.message);
    throw error;
  }
}
