// The lines of one name among all that hold somewhere, found without looking at the others again for each of them.
import type { Directive } from '../directive.js';
import type { Here } from '../rows.js';

const indexes = new WeakMap<readonly Directive[], ReadonlyMap<string, readonly Directive[]>>();

/**
 * The lines of this name that hold, in order.
 * @param name in lower case
 */
export function linesOf(name: string, { holding }: Pick<Here, 'holding'>): readonly Directive[] {
  let index = indexes.get(holding);
  if (index === undefined) {
    const lists = new Map<string, Directive[]>();
    for (const directive of holding) {
      const lower = directive.name.toLowerCase();
      const list = lists.get(lower);
      if (list === undefined) lists.set(lower, [directive]);
      else list.push(directive);
    }
    index = lists;
    indexes.set(holding, index);
  }
  return index.get(name) ?? [];
}

/** The last line of this name: of those that do not add up, it counts. */
export function lastOf(name: string, here: Pick<Here, 'holding'>): Directive | undefined {
  return linesOf(name, here).at(-1);
}
