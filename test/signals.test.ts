// Signals that nginx's users are used to sending: the server goes on, and no debugger opens. The real process.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { spawnChild } from './support/child.js';
import { NODE, NODE_ARGUMENTS } from './support/node.js';
import { withoutProc } from './support/proc.js';
import { get, rawRequest } from './support/raw.js';
import { type RunningServer, startServer } from './support/server.js';
import { skipUnless } from './support/skip.js';
import { startStandIn } from './support/stand-in.js';
import { until } from './support/until.js';

/** Where Node's debugger would listen: a port that the kernel chooses, since 9229 may be another's. */
const ANY_PORT = '--inspect-port=0';

const DEBUGGER = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//g;

/** Sends itself the signal before the command's first line, and waits until Node has opened its debugger. */
const EARLY = `data:text/javascript,${encodeURIComponent(`
  import { url } from 'node:inspector';
  process.kill(process.pid, 'SIGUSR1');
  while (url() === undefined) process.hrtime();
`)}`;

const start = (t: Test, ...node: string[]): Promise<RunningServer> =>
  startServer(t, ['--root', t.testdir({ 'a.txt': 'hello' })], { node: [ANY_PORT, ...node] });

async function stillServes(t: Test, { port }: RunningServer): Promise<void> {
  t.equal((await rawRequest(port, get('/media/a.txt'))).body.toString(), 'hello', 'it still serves');
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

t.test('control: SIGUSR1 opens the debugger of what Node runs otherwise', async (t) => {
  const script = `process.stdout.write('ready'); setInterval(() => {}, 1e6)`;
  const child = spawnChild(NODE, [...NODE_ARGUMENTS, ANY_PORT, '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGUSR1');
  const [heard] = (await once(child.stderr, 'data')) as [Buffer];
  const [[, port] = []] = [...heard.toString().matchAll(DEBUGGER)];
  t.equal(await isOpen(Number(port)), true);
});

t.test('SIGUSR1 opens no debugger, and the log says that it has no file', async (t) => {
  const server = await start(t);
  for (let times = 1; times <= 3; times++) {
    server.process.kill('SIGUSR1');
    const told = (): number => server.log.filter(({ signal }) => signal === 'SIGUSR1').length;
    await until(() => told() === times, 'it is told');
  }
  t.match(await server.logged(({ signal }) => signal === 'SIGUSR1'), { level: 30, msg: /standard output/ });
  await stillServes(t, server);
  t.equal(await server.stop(), 0);
  t.equal(server.errors, '');
});

t.test('a debugger that SIGUSR1 has opened before the command began is closed', async (t) => {
  const server = await start(t, '--import', EARLY);
  await until(() => server.errors.match(DEBUGGER) !== null, 'control: it was open');
  const isOne = async (): Promise<boolean> => {
    const ports = [...server.errors.matchAll(DEBUGGER)].map(([, port]) => Number(port));
    return (await Promise.all(ports.map(isOpen))).includes(true);
  };
  await until(async () => !(await isOne()), 'it is closed');
  server.process.kill('SIGUSR1');
  await server.logged(({ signal }) => signal === 'SIGUSR1');
  await stillServes(t, server);
  t.equal(await isOne(), false, 'and stays closed');
});

t.test("a debugger that Node's own command line asks for stays", async (t) => {
  const server = await startServer(t, ['--root', t.testdir({})], { node: ['--inspect=127.0.0.1:0'] });
  await until(() => server.errors.match(DEBUGGER) !== null, 'it is open');
  const [[, port] = []] = [...server.errors.matchAll(DEBUGGER)];
  t.equal(await isOpen(Number(port)), true);
});

t.test('SIGHUP does not end the server, and the log says that nothing is read anew', async (t) => {
  const server = await start(t);
  server.process.kill('SIGHUP');
  t.match(await server.logged(({ signal }) => signal === 'SIGHUP'), { level: 40, msg: /start it again/ });
  await stillServes(t, server);
  t.equal(await server.stop(), 0);
});

t.test('SIGUSR2 and SIGHUP leave requests that are under way alone', async (t) => {
  const answers: (() => void)[] = [];
  const app = await startStandIn(t, (_request, response) => answers.push(() => response.end('whole')));
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const asked = rawRequest(server.port, get('/page'));
  await until(() => answers.length === 1, 'the app has it');
  for (const signal of ['SIGUSR2', 'SIGHUP', 'SIGUSR2'] as const) {
    server.process.kill(signal);
    await server.logged((line) => line['signal'] === signal);
  }
  for (const answer of answers) answer();
  t.equal((await asked).body.toString(), 'whole');
  t.equal(await server.stop(), 0);
});

function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
}

const SCRIPT = '/usr/bin/script';
t.test(
  'a server in a terminal ends when the terminal is closed',
  { skip: withoutProc() || skipUnless(existsSync(SCRIPT), `${SCRIPT} is not there`) },
  async (t) => {
    // It gives a command line a terminal, for as long as it lives.
    const wrap = ['sh', '-c', `exec ${SCRIPT} -qfec "exec $(printf "'%s' " "$@")" /dev/null`, 'sh'];
    const { process: terminal, port } = await startServer(t, ['--root', t.testdir({})], { wrap });
    const servers = childrenOf(terminal.pid);
    t.equal(servers.length, 1);
    // Where the test fails, nothing else ends it.
    t.teardown(async () => {
      if (await isOpen(port)) for (const pid of servers) process.kill(pid, 'SIGKILL');
    });
    terminal.kill('SIGKILL');
    await until(async () => !(await isOpen(port)), 'it has ended');
  },
);
