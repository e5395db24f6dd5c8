/** What the benchmark prints: the machine, a table for each case, the summary for the README, and the JSON. */
import type { Case, Metric, Sample } from './cases/case.js';
import type { Cores, Machine } from './machine.js';
import { type CaseResult, DIRECT, type Outcome } from './measure.js';
import type { Options } from './options.js';
import { BASE } from './peers/index.js';
import type { Entry } from './roster.js';
import { ratiosOf, type Spread, spread, valuesOf } from './statistics.js';
import { alignedTable, markdownTable } from './table.js';

/** The server whose ratios the summary gives. */
const OURS = 'media-serve';

/** Below this share of its core a server was not the limit: the load was. */
const SATURATED_PERCENT = 85;

/** Above this share of the server's core, what else ran there has touched the figures. */
const NOISE_PERCENT = 5;

const DAGGER = ' †';
const DAGGER_NOTE =
  `† The load was the limit for at least one of the two (its core was under ${SATURATED_PERCENT} % busy):\n` +
  'the ratio says what clients see, the CPU ratio what the servers cost.';

export interface Run {
  readonly machine: Machine;
  readonly cores: Cores;
  readonly options: Options;
  readonly roster: readonly Entry[];
  readonly stub: string;
  readonly results: readonly CaseResult[];
}

export function heading({ machine, cores, options, roster, stub }: Omit<Run, 'results'>): string {
  return [
    `machine   ${describe(machine)}`,
    `cores     ${cores.server}: the server under test, alone; ${cores.load}: wrk and the stub`,
    `stub      ${stub}`,
    `method    up to ${options.rounds} interleaved rounds of ${options.seconds} s, medians; ratios to ${BASE} round by round,`,
    '          as median (least–most); CPU from /proc, children included',
    'servers',
    ...roster.map(({ name, version, note }) => `  ${`${name} ${version ?? ''}`.padEnd(22)}${note}`),
  ].join('\n');
}

/** One case: every server's ratios first, then its figures, then what there is to say about them. */
export function caseTable({ what, rounds, outcomes }: CaseResult): string {
  const compared = what.metrics.filter(({ compare }) => compare !== undefined);
  const base = samplesOf(outcomes.get(BASE));
  const head = [
    'server',
    ...compared.map(({ label, better }) => `${label} / ${BASE}${better === 'less' ? ' ↓' : ''}`),
    ...what.metrics.map(({ label }) => label),
  ];
  const rows = [...outcomes].flatMap(([id, outcome]) => {
    const samples = samplesOf(outcome);
    if (samples === undefined) return [];
    return [
      [
        id,
        ...compared.map(({ key }) => (base === undefined ? '–' : formatRatio(ratiosOf(samples, base, key)))),
        ...what.metrics.map((metric) => formatMedian(samples, metric)),
      ],
    ];
  });
  return [
    '',
    `${what.id}: ${what.title}; ${rounds} round${rounds === 1 ? '' : 's'}`,
    ...(rows.length > 0 ? [alignedTable(head, rows)] : []),
    ...[...outcomes].flatMap(([id, outcome]) =>
      remarks(what, id, outcome).map((remark) => `  ${id}: ${remark}`),
    ),
  ].join('\n');
}

/** Markdown for the README. */
export function summaryTable({ machine, options, roster, results }: Omit<Run, 'cores' | 'stub'>): string {
  const present = roster.filter(({ version }) => version !== undefined);
  const head = [
    'case',
    `${OURS} / ${BASE}`,
    `CPU, ${OURS} / ${BASE}`,
    ...present.map(({ name, version }) => `${name} ${version}`),
  ];
  const rows = results.flatMap((result) =>
    result.what.metrics
      .filter(({ compare }) => compare === 'headline')
      .map((metric) => [
        `${result.what.id}, ${metric.label}`,
        `${ratioCell(result, metric.key)}${needsDagger(result, metric) ? DAGGER : ''}`,
        metric === result.what.metrics[0] ? ratioCell(result, 'cpu') : '',
        ...present.map(({ id }) => valueCell(result.outcomes.get(id), metric)),
      ]),
  );
  return [
    '',
    'For the README:',
    '',
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${describe(machine)}. Each server on one core, access log on,`,
    `load on another core; medians of up to ${options.rounds} interleaved rounds of ${options.seconds} s. Ratios are medians`,
    'of the ratios of each round (least–most). More is better for requests and MB; less for ms, MiB, KiB and CPU.',
    '',
    markdownTable(head, rows),
    ...noiseWarning(results),
    ...(rows.some(([, ratio]) => ratio?.endsWith(DAGGER)) ? ['', DAGGER_NOTE] : []),
  ].join('\n');
}

export function toJson({ machine, cores, options, roster, results }: Omit<Run, 'stub'>): string {
  const document = {
    date: new Date().toISOString(),
    machine,
    cores,
    rounds: options.rounds,
    seconds: options.seconds,
    servers: roster.map(({ id, version, note }) => ({ id, version, note })),
    cases: results.map(({ what, outcomes }) => ({
      id: what.id,
      title: what.title,
      metrics: what.metrics.map(({ key, label }) => ({ key, label })),
      servers: Object.fromEntries(outcomes),
    })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function describe({ cpu, cores, memoryGiB, kernel, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}`;
}

function samplesOf(outcome: Outcome | undefined): readonly Sample[] | undefined {
  return outcome?.state === 'measured' ? outcome.samples : undefined;
}

function remarks(what: Case, id: string, outcome: Outcome): readonly string[] {
  if (outcome.state !== 'measured') {
    return [outcome.state === 'failed' ? `FAILED: ${outcome.reason}` : outcome.reason];
  }
  const { samples } = outcome;
  if (id === DIRECT) return []; // It shares its core with wrk.
  const found: string[] = [];
  const others = spread(valuesOf(samples, 'others'));
  if (others.most > NOISE_PERCENT) {
    found.push(`noisy: other processes took up to ${others.most.toFixed(0)} % of the server's core`);
  }
  if (what.metrics[0]?.key === 'rate' && isLimitedByLoad(samples)) {
    found.push('the load, not its core, was the limit: compare the CPU time');
  }
  return found;
}

/** So that nobody quotes figures of a busy machine without knowing. */
function noiseWarning(results: readonly CaseResult[]): readonly string[] {
  const shares = results.flatMap(({ outcomes }) =>
    [...outcomes].flatMap(([id, outcome]) =>
      id === DIRECT
        ? []
        : valuesOf(samplesOf(outcome) ?? [], 'others').filter((share) => !Number.isNaN(share)),
    ),
  );
  const noisy = shares.filter((share) => share > NOISE_PERCENT).length;
  if (noisy === 0) return [];
  const found = `in ${noisy} of ${shares.length} measurements other processes took over ${NOISE_PERCENT} %`;
  return ['', `NOT QUOTABLE: ${found} of the server's core. Run it again on a quiet machine.`];
}

/** Whether the core had time left; what other processes took of it was not left. */
function isLimitedByLoad(samples: readonly Sample[]): boolean {
  const busy = spread(valuesOf(samples, 'busy')).median + spread(valuesOf(samples, 'others')).median;
  return busy < SATURATED_PERCENT;
}

/** Latency of one request at a time never fills a core, and does not mean to. */
function needsDagger({ outcomes }: CaseResult, { key }: Metric): boolean {
  return key === 'rate' && [OURS, BASE].some((id) => isLimitedByLoad(samplesOf(outcomes.get(id)) ?? []));
}

function ratioCell({ what, outcomes }: CaseResult, key: string): string {
  if (what.metrics.every((metric) => metric.key !== key)) return '';
  const ours = samplesOf(outcomes.get(OURS));
  const base = samplesOf(outcomes.get(BASE));
  return ours === undefined || base === undefined ? '–' : formatRatio(ratiosOf(ours, base, key));
}

function valueCell(outcome: Outcome | undefined, metric: Metric): string {
  if (outcome?.state === 'failed') return 'failed';
  const samples = samplesOf(outcome);
  return samples === undefined ? '–' : formatMedian(samples, metric);
}

function formatMedian(samples: readonly Sample[], { key, digits }: Metric): string {
  return spread(valuesOf(samples, key)).median.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function formatRatio({ median, least, most }: Spread): string {
  return `${median.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}
