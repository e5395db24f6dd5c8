// Writes what is generated from tables: the JSON Schema beside the compiled code (`npm run build`), and, given a README,
// the tables between its markers (`npm run docs`).
import { readFileSync, writeFileSync } from 'node:fs';
import { optionsAsMarkdown } from './config/reference.js';
import { configSchema } from './config/schema.js';
import { migrationAsMarkdown } from './migrate/reference.js';

writeFileSync(new URL('schema.json', import.meta.url), `${JSON.stringify(configSchema(), null, 2)}\n`);
const readme = process.argv[2];
if (readme !== undefined) {
  let text = readFileSync(readme, 'utf8');
  for (const [name, table] of [
    ['options', optionsAsMarkdown()],
    ['migration', migrationAsMarkdown()],
  ] as const) {
    const [before, after] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
    const start = text.indexOf(before) + before.length;
    text = `${text.slice(0, start)}\n${table}\n${text.slice(text.indexOf(after))}`;
  }
  writeFileSync(readme, text);
}
