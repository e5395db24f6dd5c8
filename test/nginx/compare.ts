/** Asks both servers the same, works out from nginx's answer and the rules what ours must be, and compares. */
import { type Answer, exchange } from './client.js';
import { differences, type Outcome, outcomeOf } from './outcome.js';
import type { Request } from './request.js';
import type { Facts, Rewritten, Rule } from './rule.js';
import type { Tree } from './tree.js';

/** One request, what came of it, and what should have. */
export interface Comparison {
  readonly request: Request;
  readonly nginx: Outcome;
  readonly expected: Outcome;
  readonly ours: Outcome;
  /** The rules that made the expected answer differ from nginx's. */
  readonly rules: readonly Rule[];
  /** Empty when ours is as expected. */
  readonly differences: readonly string[];
}

export interface Sides {
  /** Port of the nginx that is asked what is right. */
  readonly nginx: number;
  /** Port of the server that is examined. */
  readonly ours: number;
  readonly tree: Tree;
  readonly rules: readonly Rule[];
}

/** Sends the requests, in order and pipelined, to both sides and compares the answers pairwise. */
export async function compare(sides: Sides, requests: readonly Request[]): Promise<Comparison[]> {
  const [theirs, ours] = await Promise.all([exchange(sides.nginx, requests), exchange(sides.ours, requests)]);
  const asked = requests.map((request, index): Asked => {
    const facts = factsOf(sides.tree, request, answerAt(theirs, index));
    return { request, facts, ...rewrite(sides.rules, request, facts) };
  });

  // Where a rule says that our answer is nginx's to another request, nginx is asked that too.
  const others = asked.flatMap(({ request, rewritten }) =>
    rewritten.request === request ? [] : [rewritten.request],
  );
  const answers = (await exchange(sides.nginx, others)).values();
  return asked.map(({ request, facts, rewritten, rules }, index): Comparison => {
    const other = rewritten.request === request ? undefined : answers.next().value;
    const answered = other === undefined ? facts.nginx : outcomeOf(rewritten.request, other);
    const start = rewritten.answer?.(answered) ?? answered;
    // A request that only looks different to nginx needed no rule.
    const applied = differences(facts.nginx, start).length === 0 ? [] : [...rules];
    // What nginx refused to read tells nothing; what it was asked instead does.
    const place = facts.location === 'none' && other !== undefined ? placeOf(other) : facts;
    const { location, path } = place;
    const known = { ...rewritten, path: rewritten.path === '' ? path : rewritten.path };
    const expected = edit(sides.rules, start, { ...facts, location, path, rewritten: known }, applied);
    const outcome = outcomeOf(request, answerAt(ours, index));
    return {
      request,
      nginx: facts.nginx,
      expected,
      ours: outcome,
      rules: applied,
      differences: differences(expected, outcome),
    };
  });
}

interface Asked {
  readonly request: Request;
  readonly facts: Facts;
  readonly rewritten: Rewritten;
  readonly rules: readonly Rule[];
}

function answerAt(answers: readonly Answer[], index: number): Answer {
  const answer = answers[index];
  if (answer === undefined) throw new Error(`there is no answer ${index}`);
  return answer;
}

function factsOf(tree: Tree, request: Request, answer: Answer): Facts {
  const { location, path } = placeOf(answer);
  const nginx = outcomeOf(request, answer);
  return { tree, request, location, path, nginx, rewritten: { request, path, answer: undefined } };
}

/** What nginx says it took the target for. */
function placeOf({ headers }: Answer): Pick<Facts, 'location' | 'path'> {
  return {
    location: headers['x-location'] ?? 'none',
    path: /^\[(.*)\]$/.exec(headers['x-path'] ?? '')?.[1] ?? '',
  };
}

function rewrite(rules: readonly Rule[], request: Request, facts: Facts): Pick<Asked, 'rewritten' | 'rules'> {
  const applied: Rule[] = [];
  let rewritten = facts.rewritten;
  for (const rule of rules) {
    const next = rule.rewrite?.({ ...facts, request, rewritten });
    if (next === undefined) continue;
    rewritten = { ...rewritten, ...next };
    applied.push(rule);
  }
  return { rewritten, rules: applied };
}

function edit(rules: readonly Rule[], start: Outcome, facts: Facts, applied: Rule[]): Outcome {
  let expected = start;
  for (const rule of rules) {
    const next = rule.edit?.(expected, facts);
    if (next === undefined || differences(expected, next).length === 0) continue;
    expected = next;
    if (!applied.includes(rule)) applied.push(rule);
  }
  return expected;
}
