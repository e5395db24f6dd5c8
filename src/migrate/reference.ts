// The rows as documentation: the README's tables, generated so that they cannot drift.
import { APACHE_ROWS } from './apache/table.js';
import { NGINX_ROWS } from './nginx/table.js';
import type { Row } from './rows.js';

/** The tables of the README: of each language what is written most, and, folded, all directives. */
export function migrationAsMarkdown(): string {
  return [...tablesOf('nginx', NGINX_ROWS), ...tablesOf('Apache', APACHE_ROWS)].join('\n\n');
}

function tablesOf(language: string, rows: readonly Row[]): string[] {
  return [
    examplesAsMarkdown(language, rows),
    '<details>',
    `<summary>All directives of ${language} that are known</summary>`,
    directivesAsMarkdown(language, rows),
    '</details>',
  ];
}

/**
 * What is written most, in both forms.
 * @param language as the heading of the column
 */
function examplesAsMarkdown(language: string, rows: readonly Row[]): string {
  return table(
    [language, 'media-serve'],
    rows.flatMap(({ examples = [] }) => examples),
  );
}

/** All directives, and what becomes of each. */
function directivesAsMarkdown(language: string, rows: readonly Row[]): string {
  return table(
    [language, 'here'],
    rows.map(({ names, shown = names.map((name) => `\`${name}\``).join(', '), doc }) => [shown, doc]),
  );
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heading, heading.map(() => '---'), ...rows]
    .map((cells, index) =>
      index === 1
        ? `|${cells.join('|')}|`
        : `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
    )
    .join('\n');
}
