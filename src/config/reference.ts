// The options as documentation: the README's table, generated from the option table so that they cannot drift.
import {
  documentedFlagOf,
  environmentOf,
  isOnCommandLine,
  OPTION_LIST,
  type Option,
  type OptionName,
} from './options.js';

/** Markdown table of all options. */
export function optionsAsMarkdown(): string {
  const rows = OPTION_LIST.map(([name, row]) => rowOf(name, row));
  return [
    '| option | environment | in the file | default | nginx | what it does |',
    '|---|---|---|---|---|---|',
    ...rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
  ].join('\n');
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
