// An app answers with all that it should not: what is passed on as complete has been read alike by this server, llhttp
// and h11; everything else is a 502, or an answer that is visibly cut. What both parsers read and this server does not
// pass on is a named rule.
// ANSWERS is how many, ANSWERS_SEED which; ANSWERS_FROM begins at one. That each rule is met is asserted of FULL at least.
import t from 'tap';
import { withoutJudge } from '../support/node.js';
import { pythonOrSkip } from '../support/python.js';
import { type AppAnswer, generateAnswer } from './answers/generate.js';
import { REFUSED, type Rule, SERVED } from './answers/rules.js';
import { type Judgement, type Run, startRun, tell } from './answers/run.js';
import { escaped } from './streams/message.js';
import { shrink } from './streams/shrink.js';

const SEED = Number(process.env['ANSWERS_SEED'] ?? 20_261_125);
const COUNT = Number(process.env['ANSWERS'] ?? 1_500);
const FULL = 4_000;
const FROM = Number(process.env['ANSWERS_FROM'] ?? 0);
/** Answers under way at the same time; those that never come to their end are waited for. */
const AT_ONCE = 160;
/** After so many faults the rest is not asked for. */
const ENOUGH = Number(process.env['STREAMS_ENOUGH'] ?? 5);

const REQUIREMENTS = new URL('./streams/requirements.txt', import.meta.url);

interface Tally {
  readonly uses: Map<Rule, number>;
  readonly wrong: { readonly index: number; readonly judgement: Judgement }[];
  readonly outcomes: Record<string, number>;
  answers: number;
}

async function judgeAll(run: Run): Promise<Tally> {
  const tally: Tally = { uses: new Map(), wrong: [], outcomes: {}, answers: 0 };
  let next = FROM;
  const work = async (): Promise<void> => {
    while (next < FROM + COUNT && tally.wrong.length < ENOUGH && run.server.process.exitCode === null) {
      const index = next;
      next += 1;
      const judgement = await run.judge(generateAnswer(SEED, index));
      const { faults, rules, outcome } = judgement.verdict;
      tally.answers += 1;
      tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
      for (const rule of new Set(rules)) tally.uses.set(rule, (tally.uses.get(rule) ?? 0) + 1);
      if (faults.length > 0) tally.wrong.push({ index, judgement });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return tally;
}

t.test(
  'every parser reads what is passed on of the app, as the client does',
  { skip: withoutJudge(), timeout: 600_000 },
  async (t) => {
    const python = await pythonOrSkip(t, { name: 'parsers', file: REQUIREMENTS });
    if (python === undefined) return;
    t.comment(`ANSWERS_SEED=${SEED} ANSWERS=${COUNT}`);
    const run = await startRun(t, python);
    const start = performance.now();
    const { uses, wrong, outcomes, answers } = await judgeAll(run);
    const seconds = (performance.now() - start) / 1000;

    const { process, errors } = run.server;
    t.equal(process.exitCode ?? process.signalCode, null, `the server is still there${errors}`);
    for (const { index, judgement } of wrong) {
      const { made } = generateAnswer(SEED, index);
      const again = `ANSWERS_SEED=${SEED} ANSWERS_FROM=${index} ANSWERS=1`;
      t.comment(tell(`answer ${index} (${again}; ${escaped(made.join('; ') || 'valid')})`, judgement));
      t.fail(`answer ${index}: ${escaped(judgement.verdict.faults[0] ?? '')}`);
    }
    const [first] = wrong;
    if (first !== undefined) {
      const answer = generateAnswer(SEED, first.index);
      const judge = (part: Pick<AppAnswer, 'bytes' | 'cuts'>): Promise<Judgement> =>
        run.judge({ ...answer, ...part });
      t.comment(tell(`answer ${first.index} made smaller`, await shrink(judge, answer, first.judgement)));
    }
    t.equal(wrong.length, 0, 'no answer has a fault');
    t.ok(answers >= COUNT, `all ${COUNT} answers were asked for (in ${seconds.toFixed(1)} s)`);
    t.comment(`of them ${JSON.stringify(outcomes)}`);
    t.ok(
      (outcomes['passed on'] ?? 0) >= COUNT / 3,
      'enough is passed on, so that there is something to compare',
    );

    await t.test('the rules', async (t) => {
      for (const rule of [...REFUSED, ...SERVED]) {
        const told = `${rule.name} (${uses.get(rule) ?? 0} times) · ${rule.reason}`;
        if (FROM === 0 && COUNT >= FULL) t.ok(uses.has(rule), told);
        else t.comment(told);
      }
    });
  },
);
