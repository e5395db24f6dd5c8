/** What the README says is to be written, for tests that do it: its own lines and no copies of them. */
import { readFileSync } from 'node:fs';

const README = new URL('../../README.md', import.meta.url);

/**
 * The one block of code in this language that looks like this.
 * @throws when there is none, or more than one
 */
export function readmeBlock(language: string, like: RegExp): string {
  const blocks = [...readFileSync(README, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, name, text = '']) => (name === language && like.test(text) ? [text] : []),
  );
  const [block] = blocks;
  if (block === undefined || blocks.length > 1) {
    throw new Error(`the README has ${blocks.length} blocks of ${language} like ${like}`);
  }
  return block;
}

/**
 * The arguments of each line of a block that starts media-serve.
 * @param here what stands here for a word of the README: `/srv/media`, `:8000`
 */
export function serverArguments(block: string, here: Readonly<Record<string, string>>): string[][] {
  return [...block.matchAll(/^(?:npx )?media-serve (.*?)(?: +#.*)?$/gm)].map(([, line = '']) =>
    line.split(' ').map((word) => here[word] ?? word),
  );
}
