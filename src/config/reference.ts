// The options as documentation: the README's table, generated from the option table so that they cannot drift.
import {
  environmentOf,
  flagOf,
  isOnCommandLine,
  OPTION_LIST,
  type Option,
  type OptionName,
} from './options.js';

/** Markdown table of all options. */
export function optionsAsMarkdown(): string {
  const rows = OPTION_LIST.map(([name, row]) => rowOf(name, row));
  return [
    '| flag | environment | default | nginx | what it does |',
    '|---|---|---|---|---|',
    ...rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
  ].join('\n');
}

function rowOf(name: OptionName, row: Option<unknown>): string[] {
  const onCommandLine = isOnCommandLine(row);
  const value = row.type.placeholder === '' ? '' : ` ${row.type.placeholder}`;
  return [
    onCommandLine ? `\`${flagOf(name)}${value}\`` : `${name} (file only)`,
    (onCommandLine ? environmentOf(name) : [])
      .toReversed()
      .map((variable) => `\`${variable}\``)
      .join(', '),
    row.default === undefined ? 'none' : `\`${row.default}\``,
    row.nginx === undefined ? '' : `\`${row.nginx}\``,
    `${row.doc}${inFile(name, row)}`,
  ];
}

/** Where the config file may set it. */
function inFile(name: OptionName, row: Option<unknown>): string {
  const kinds = row.contexts.filter((context) => context !== 'command' && context !== 'server');
  const places = [
    ...(row.contexts.includes('server') ? ['at the top'] : []),
    ...(kinds.length > 0 ? [`in locations of kind ${kinds.join(', ')}`] : []),
  ];
  return places.length === 0 ? '' : `. In the file: \`${name}\`, ${places.join(' and ')}`;
}
