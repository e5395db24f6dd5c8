// The options as documentation.
import t from 'tap';
import { environmentOf, flagOf, isOnCommandLine, OPTION_LIST } from '../../src/config/options.js';
import { optionsAsMarkdown } from '../../src/config/reference.js';

/** The cells of a row; a bar inside a cell is escaped. */
const cellsOf = (row: string): string[] => row.split(/(?<!\\)\|/).map((cell) => cell.trim());

t.test('the table has a row for each option, with all its names and its default', async (t) => {
  const [head = '', rule = '', ...rows] = optionsAsMarkdown().split('\n');
  t.match(rule, /^\|(?:---\|)+$/);
  t.equal(rows.length, OPTION_LIST.length);
  for (const [index, [name, row]] of OPTION_LIST.entries()) {
    const text = rows[index] ?? '';
    t.equal(cellsOf(text).length, cellsOf(head).length, `${name} fills the columns`);
    const names = isOnCommandLine(row) ? [flagOf(name).slice(2), ...environmentOf(name)] : [name];
    for (const part of [...names, row.default ?? 'none', row.nginx ?? '']) {
      t.ok(text.includes(part), `${name} has ${part}`);
    }
  }
});
