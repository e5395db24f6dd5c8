// The options as documentation.
import t from 'tap';
import {
  environmentOf,
  flagOf,
  isOnCommandLine,
  OPTION_LIST,
  OPTIONS_BY_TOPIC,
} from '../../src/config/options.js';
import { optionsAsMarkdown } from '../../src/config/reference.js';

/** The cells of a row; a bar inside a cell is escaped. */
const cellsOf = (row: string): string[] => row.split(/(?<!\\)\|/).map((cell) => cell.trim());

t.test(
  'each topic has a folded table with a row for each of its options, all names and the default',
  async (t) => {
    const folded = [
      ...optionsAsMarkdown().matchAll(/^<details>\n<summary>([^\n]+)<\/summary>\n\n(.+?)\n\n<\/details>$/gms),
    ];
    t.same(
      folded.map(([, title]) => title),
      OPTIONS_BY_TOPIC.map(({ title }) => title),
    );
    t.equal(folded.map(([all]) => all).join('\n\n'), optionsAsMarkdown(), 'and nothing else is there');
    const seen: string[] = [];
    for (const [topic, { title, rows: options }] of OPTIONS_BY_TOPIC.entries()) {
      const [head = '', rule = '', ...rows] = (folded[topic]?.[2] ?? '').split('\n');
      t.match(rule, /^\|(?:---\|)+$/, title);
      t.equal(rows.length, options.length, title);
      t.ok(options.length > 0 && options.length <= 16, `${title} can be overseen`);
      for (const [index, [name, row]] of options.entries()) {
        seen.push(name);
        const text = rows[index] ?? '';
        t.equal(cellsOf(text).length, cellsOf(head).length, `${name} fills the columns`);
        const names = isOnCommandLine(row) ? [flagOf(name).slice(2), ...environmentOf(name)] : [name];
        for (const part of [...names, row.default ?? 'none', row.nginx ?? '']) {
          t.ok(text.includes(part), `${name} has ${part}`);
        }
      }
    }
    t.same(seen.sort(), OPTION_LIST.map(([name]) => name).sort(), 'no option is left out');
  },
);
