// Writes the table of rules into the README: `npx tsx test/nginx/readme.ts`.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rulesAsMarkdown } from './rules.js';

export const README = fileURLToPath(new URL('../../README.md', import.meta.url));

const START = '<!-- nginx-differences:start -->';
const END = '<!-- nginx-differences:end -->';

/**
 * The README with the current table between its two markers.
 * @throws when a marker is missing
 */
export function withRules(readme: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start < 0 || end < start) throw new Error(`README.md needs the lines ${START} and ${END}`);
  return `${readme.slice(0, start + START.length)}\n${rulesAsMarkdown()}\n${readme.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(README, withRules(await readFile(README, 'utf8')));
}
