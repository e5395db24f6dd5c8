// From a target's path to the name of a file below its location: a directory means its index file (nginx: index), and names that
// begin with a dot are refused.
import type { Logger } from 'pino';
import { DOTFILE, isSecret } from '../config/dotfile.js';
import type { FileLocation } from '../config/location.js';
import { NotFoundError } from '../http/errors.js';
import { goOn } from '../http/may-wait.js';
import { type BytePath, toBytePath, toText } from '../http/target.js';
import { ToldOnce } from '../http/told-once.js';
import { type DotfileRule, dotfileRule } from '../stores/dotfiles.js';
import type { FileVersion, Store } from '../stores/store.js';

/** Of how many names of dotfiles the operator is told. */
const HIDDEN_NAMED = 100;

/** The names of a location's files. */
export class FileNames {
  readonly #root: string;
  readonly #log: Logger;
  readonly #store: Pick<Store, 'stat'>;
  readonly #dotfiles: DotfileRule;
  readonly #prefixLength: number;
  readonly #index: BytePath | undefined;
  /** Names of dotfiles of which the operator has been told. */
  readonly #hiddenNames = new ToldOnce(HIDDEN_NAMED);

  constructor(
    { root, dotfiles, prefix, index }: Pick<FileLocation, 'root' | 'dotfiles' | 'prefix' | 'index'>,
    store: Pick<Store, 'stat'>,
    log: Logger,
  ) {
    this.#root = root;
    this.#log = log;
    this.#store = store;
    this.#dotfiles = dotfileRule(dotfiles);
    this.#prefixLength = Buffer.byteLength(prefix);
    this.#index = index === undefined ? undefined : toBytePath(index);
  }

  /** True when a directory means a file in it. */
  get haveIndex(): boolean {
    return this.#index !== undefined;
  }

  /**
   * The path below the prefix; for a directory, its index file.
   * @param path the normalized target
   * @throws {NotFoundError} when it names nothing that is served
   */
  of(path: BytePath): BytePath {
    const below = path.slice(this.#prefixLength);
    const name = below === '' || below.endsWith('/') ? this.#indexOf(below) : below;
    const hidden = this.#dotfiles.hiddenName(name);
    if (hidden !== undefined) {
      this.#tellHidden(hidden, name);
      throw new NotFoundError();
    }
    return name;
  }

  #indexOf(directory: BytePath): BytePath {
    if (this.#index === undefined) throw new NotFoundError();
    return directory + this.#index;
  }

  /** Once for each name by which there is a file: what merely is asked for has nobody who misses it. */
  #tellHidden(hidden: string, name: BytePath): void {
    if (!this.#hiddenNames.isNews(hidden)) return;
    const tell = (found: FileVersion | undefined): void => {
      if (found === undefined || !this.#hiddenNames.remember(hidden)) return;
      this.#log.warn(
        { name: hidden, path: `${this.#root.replace(/\/$/, '')}/${toText(name)}` },
        DOTFILE.test(hidden) && !isSecret(hidden)
          ? `a dotfile was refused: it is there, and 404 as all names that begin with a dot; if visitors are to have what is called ${hidden}, write --dotfiles ${hidden}`
          : 'a dotfile was refused: it is there, and may be secret; it should not lie among files that are served',
      );
    };
    // What is wrong with the name is nobody's business.
    void goOn(
      () => this.#store.stat(name),
      tell,
      () => {},
    );
  }
}
