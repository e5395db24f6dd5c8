/** Rows of text as tables: aligned for a terminal, and in Markdown. */

/** The first column to the left, all others to the right. */
export function alignedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return padded([head, ...rows])
    .map((cells) => `  ${cells.join('   ')}`.trimEnd())
    .join('\n');
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return padded([head, rule, ...rows])
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function padded(rows: readonly (readonly string[])[]): string[][] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
}
