/** All differences on purpose between nginx and media-serve. The table in the README is made of them. */

import type { Rule } from './rule.js';
import { RULES_FOR_MESSAGES } from './rules-messages.js';
import { RULES_FOR_NEGOTIATION } from './rules-negotiation.js';
import { RULES_FOR_PRECONDITIONS } from './rules-preconditions.js';
import { RULES_FOR_RANGES } from './rules-ranges.js';
import { RULES_FOR_UPLOADS } from './rules-uploads.js';

/** In the order in which they apply. */
export const RULES: readonly Rule[] = [
  ...RULES_FOR_NEGOTIATION,
  ...RULES_FOR_PRECONDITIONS,
  ...RULES_FOR_RANGES,
  ...RULES_FOR_UPLOADS,
  ...RULES_FOR_MESSAGES,
];

/** The rules as a Markdown table. */
export function rulesAsMarkdown(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return [
    '| | nginx | media-serve | why |',
    '|---|---|---|---|',
    ...RULES.map(
      ({ name, nginx, ours, reason }) => `| ${[name, nginx, ours, reason].map(cell).join(' | ')} |`,
    ),
  ].join('\n');
}
