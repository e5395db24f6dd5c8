/** What can be odd in a request that is otherwise as it should be. */
import type { Draft } from './draft.js';
import { FRAMING } from './odd-framing.js';
import { HEADS } from './odd-heads.js';
import type { Random } from './random.js';

/** Does one thing to a request, and returns what it put there. */
export type Oddity = readonly [name: string, apply: (draft: Draft, random: Random) => string];

/** Does one thing to the request; returns what it was. */
export function spoil(random: Random, draft: Draft): string {
  const [name, apply] = random.pick(random.percent(45) ? FRAMING : HEADS);
  return `${name}: ${apply(draft, random)}`;
}
