// Which directives hold in a block: nginx takes those of the innermost block that has any of the name.
import type { Directive } from '../directive.js';
import type { Row } from '../rows.js';

/** Directives that make one list: where a block has one of them, it has none from outside. */
const TOGETHER: Readonly<Record<string, string>> = { deny: 'allow' };

/**
 * @param chain the contents of blocks, from the outermost to the one that is asked about
 * @param find the row of a directive
 */
export function holdingIn(
  chain: readonly (readonly Directive[])[],
  find: (name: string) => Row | undefined,
): readonly Directive[] {
  const taken = new Set<string>();
  const byBlock = chain.toReversed().map((block, height) => {
    const added = block.filter(
      ({ name }) => !taken.has(groupOf(name)) && (height === 0 || find(name)?.isLocal !== true),
    );
    for (const { name } of block) taken.add(groupOf(name));
    return added;
  });
  return byBlock.reverse().flat();
}

function groupOf(name: string): string {
  return TOGETHER[name] ?? name;
}
