// The options as documentation: the README's tables, generated from the option table so that they cannot drift.

import type { Option } from './options/option.js';
import {
  documentedFlagOf,
  environmentOf,
  isOnCommandLine,
  OPTIONS_BY_TOPIC,
  type OptionName,
} from './options.js';

/** All options in Markdown: a folded table for each topic. */
export function optionsAsMarkdown(): string {
  return OPTIONS_BY_TOPIC.map(({ title, rows }) => {
    const table = [
      '| option | environment | in the file | default | nginx | what it does |',
      '|---|---|---|---|---|---|',
      ...rows.map(([name, row]) => `| ${rowOf(name, row).map(escaped).join(' | ')} |`),
    ];
    // Without the empty lines Markdown takes the table for text.
    return ['<details>', `<summary>${title}</summary>`, '', ...table, '', '</details>'].join('\n');
  }).join('\n\n');
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

function rowOf(name: OptionName, row: Option<unknown>): string[] {
  const onCommandLine = isOnCommandLine(row);
  const value = row.type.placeholder === '' ? '' : ` ${row.type.placeholder}`;
  return [
    onCommandLine ? `\`${documentedFlagOf(name)}${value}\`` : `\`${name}\``,
    (onCommandLine ? environmentOf(name) : [])
      .toReversed()
      .map((variable) => `\`${variable}\``)
      .join(', '),
    inFile(name, row),
    row.default === undefined ? 'none' : `\`${row.default}\``,
    row.nginx === undefined ? '' : `\`${row.nginx}\``,
    row.doc,
  ];
}

/** Where the config file may set it: at its top, or in locations of some kinds. */
function inFile(name: OptionName, row: Option<unknown>): string {
  const places = row.contexts
    .filter((context) => context !== 'command')
    .map((context) => (context === 'server' ? 'top' : context));
  return places.length === 0 ? '' : `\`${name}\`: ${places.join(', ')}`;
}
