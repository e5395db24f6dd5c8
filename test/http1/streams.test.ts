// Streams of requests, valid and not, cut anywhere, are sent to the command; behind it an app records what comes. What
// is served has been read alike by this server and by llhttp, h11 and httptools, byte for byte, and so has what the app
// got. What all of them read and this server refuses is a named rule.
// STREAMS is how many, STREAMS_SEED which; STREAMS_FROM begins at one. That each rule is met is asserted of FULL at least.
import t from 'tap';
import { withoutJudge } from '../support/node.js';
import { pythonOrSkip } from '../support/python.js';
import { skipUnless } from '../support/skip.js';
import { generate } from './streams/generate.js';
import { escaped } from './streams/message.js';
import { tell } from './streams/report.js';
import type { Rule } from './streams/rule.js';
import { ALL_RULES } from './streams/rules.js';
import { shrink } from './streams/shrink.js';
import { type Judgement, type Stand, startStand } from './streams/stand.js';

const SEED = Number(process.env['STREAMS_SEED'] ?? 20_261_125);
const COUNT = Number(process.env['STREAMS'] ?? 2_500);
const FULL = 20_000;
const FROM = Number(process.env['STREAMS_FROM'] ?? 0);
/** Streams under way at the same time. */
const AT_ONCE = 64;
/** After so many faults the rest is not sent. */
const ENOUGH = Number(process.env['STREAMS_ENOUGH'] ?? 5);

const REQUIREMENTS = new URL('./streams/requirements.txt', import.meta.url);
const linuxOnly = skipUnless(process.platform === 'linux', 'only Linux lets a client come from all of 127/8');

interface Tally {
  readonly uses: Map<Rule, number>;
  readonly wrong: { readonly index: number; readonly judgement: Judgement }[];
  streams: number;
  served: number;
  refusedStreams: number;
  /** Those that were under way when the server ended, if it did. */
  fatal: readonly number[];
}

async function judgeAll(stand: Stand): Promise<Tally> {
  const tally: Tally = { uses: new Map(), wrong: [], streams: 0, served: 0, refusedStreams: 0, fatal: [] };
  let next = FROM;
  const underWay = new Set<number>();
  stand.server.process.once('exit', () => {
    tally.fatal = [...underWay];
  });
  const work = async (): Promise<void> => {
    while (next < FROM + COUNT && tally.wrong.length < ENOUGH && tally.fatal.length === 0) {
      const index = next;
      next += 1;
      underWay.add(index);
      const judgement = await stand.judge(generate(SEED, index));
      underWay.delete(index);
      if (tally.fatal.length > 0) return;
      const { faults, rules, served, refused } = judgement.verdict;
      tally.streams += 1;
      tally.served += served;
      if (refused) tally.refusedStreams += 1;
      for (const rule of new Set(rules)) tally.uses.set(rule, (tally.uses.get(rule) ?? 0) + 1);
      if (faults.length > 0) tally.wrong.push({ index, judgement });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return tally;
}

t.test(
  'every parser reads what is served, as the app does',
  { skip: linuxOnly || withoutJudge(), timeout: 600_000 },
  async (t) => {
    const python = await pythonOrSkip(t, { name: 'parsers', file: REQUIREMENTS });
    if (python === undefined) return;
    t.comment(`STREAMS_SEED=${SEED} STREAMS=${COUNT}`);
    const stand = await startStand(t, python);
    const start = performance.now();
    const { uses, wrong, streams, served, refusedStreams, fatal } = await judgeAll(stand);
    const seconds = (performance.now() - start) / 1000;

    await t.test('the server', async (t) => {
      const { process, errors } = stand.server;
      t.equal(process.exitCode ?? process.signalCode, null, `the server is still there${errors}`);
      t.same(fatal, [], 'no stream has ended it; to find the one, try each with STREAMS_FROM and STREAMS=1');
    });
    if (fatal.length > 0) return;

    await t.test('streams of requests', async (t) => {
      for (const { index, judgement } of wrong) {
        const { made } = generate(SEED, index);
        const again = `STREAMS_SEED=${SEED} STREAMS_FROM=${index} STREAMS=1`;
        t.comment(tell(`stream ${index} (${again}; ${escaped(made.join('; ') || 'valid')})`, judgement));
        t.fail(`stream ${index}: ${escaped(judgement.verdict.faults[0] ?? '')}`);
      }
      const [first] = wrong;
      if (first !== undefined) {
        const small = await shrink(stand.judge, generate(SEED, first.index), first.judgement);
        t.comment(tell(`stream ${first.index} made smaller`, small));
      }
      t.equal(wrong.length, 0, 'no stream has a fault');
      t.ok(streams >= COUNT, `all ${COUNT} streams were sent (in ${seconds.toFixed(1)} s)`);
      t.comment(`${served} requests were served, ${refusedStreams} streams ended with a refusal`);
      t.ok(served >= COUNT, 'most of what is sent is served, so that there is something to compare');
    });

    await t.test('what the server sent to the app', async (t) => {
      const faults = await stand.connectionFaults();
      for (const fault of faults.slice(0, ENOUGH)) t.comment(fault);
      t.equal(faults.length, 0, 'every parser reads there what the app read, and nothing more');
      t.comment(`${stand.requestsAtApp} requests reached the app`);
    });

    await t.test('the rules', async (t) => {
      const isComplete = FROM === 0 && COUNT >= FULL;
      for (const { name, reason } of ALL_RULES) {
        const times = [...uses]
          .filter(([rule]) => rule.name === name)
          .reduce((sum, [, count]) => sum + count, 0);
        const told = `${name} (${times} times) · ${reason}`;
        if (isComplete) t.ok(times > 0, told);
        else t.comment(told);
      }
    });
  },
);
