// A row of the option table: what is said of an option, and where it may stand.
import type { ValueType } from '../values.js';

/** The kinds of location (see location.ts). */
export type LocationKind = 'media' | 'static' | 'internal' | 'denied' | 'upstream';

/**
 * Where an option may stand: `command` means flag and environment only (a short way to write a location),
 * `server` means also the top level of the config file, a kind of location means inside such a location.
 * A row with neither `command` nor `server` has no flag and no variable: it says something of one location only.
 */
export type Context = 'command' | 'server' | LocationKind;

/** Where the files of a location may be. */
export type RootSort = 'directory' | 'bucket';

/** One row of the table. */
export interface Option<T> {
  readonly type: ValueType<T>;
  /** Where it may stand. A location that does not set it inherits the server's value, as in nginx. */
  readonly contexts: readonly [Context, ...Context[]];
  /** As the operator would write it; absent means off. */
  readonly default?: string;
  /** Names read from the environment after `MEDIA_SERVE_<NAME>`, which every option has. */
  readonly environment?: readonly string[];
  /**
   * Set when it means something for roots of this sort alone. In a location with another root it is refused; for the whole
   * server it is just not used, and what others' variables say of it is not even read.
   */
  readonly onlyFor?: RootSort;
  /** The nginx directive it stands for. */
  readonly nginx?: string;
  /** One line of documentation, in Markdown, without a full stop at the end. */
  readonly doc: string;
}

/** A row, with the type of its values. */
export const option = <T>(row: Option<T>): Option<T> => row;
