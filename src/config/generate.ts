// Writes what is generated from the option table: the JSON Schema beside the compiled code (`npm run build`), and,
// given a README, the table between its markers (`npm run docs`).
import { readFileSync, writeFileSync } from 'node:fs';
import { optionsAsMarkdown } from './reference.js';
import { configSchema } from './schema.js';

writeFileSync(new URL('../schema.json', import.meta.url), `${JSON.stringify(configSchema(), null, 2)}\n`);
const readme = process.argv[2];
if (readme !== undefined) {
  const [before, after] = ['<!-- options:start -->', '<!-- options:end -->'];
  const text = readFileSync(readme, 'utf8');
  const start = text.indexOf(before) + before.length;
  writeFileSync(
    readme,
    `${text.slice(0, start)}\n${optionsAsMarkdown()}\n${text.slice(text.indexOf(after))}`,
  );
}
