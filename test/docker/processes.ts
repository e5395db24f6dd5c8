/** The containers of docker/ as processes, where there is no engine. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { PROJECT } from '../../docker/demo-django.js';
import { spawnChild } from '../support/child.js';
import { rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

/** A container that runs as a process. */
export interface Running {
  readonly process: ChildProcess;
  /** Resolves when it has heard SIGTERM, or has ended. */
  terminate(): Promise<void>;
  readonly exited: Promise<unknown>;
}

/** What its files say of Django's container, with addresses and folders of this machine. */
export interface DjangoContainer {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The command that tells whether it listens; it begins with `python`. */
  readonly probe: readonly string[];
}

/** Starts Django's container as a process, and resolves when its probe holds. */
export async function startDjango(
  t: Test,
  python: string,
  { command: [program = '', ...args], env, probe: [, ...probed] }: DjangoContainer,
): Promise<Running> {
  // The scripts of an environment that was moved do not run; its modules do.
  const rest = args.map((text) => text.replace('exec gunicorn', 'exec python -m gunicorn'));
  const child = spawnChild(program, rest, {
    cwd: PROJECT,
    env: {
      PATH: `${dirname(python)}:${process.env['PATH']}`,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: fileURLToPath(new URL('../support/django/', import.meta.url)),
      DJANGO_SETTINGS_MODULE: 'quick',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    // At once; its workers end with it.
    child.kill('SIGQUIT');
    await exited;
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`Django has ended: ${output}`);
      try {
        execFileSync(python, probed, { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    },
    'the probe holds',
    60_000,
    200,
  );
  return {
    process: child,
    exited,
    async terminate() {
      child.kill();
      await until(
        () => output.includes('Handling signal: term') || child.exitCode !== null,
        'gunicorn has heard it',
      );
      // It has nothing to do, and does not wait.
      await exited;
    },
  };
}

/** Logs in as a browser does that has come by TLS to a proxy in front of this port, and resolves with the status. */
export async function loginByTls(t: Test, port: number, host: string): Promise<number> {
  const ask = (start: string, fields: readonly string[], body = '') =>
    rawRequest(
      port,
      [
        start,
        `Host: ${host}`,
        'Connection: close',
        'X-Forwarded-For: 203.0.113.7',
        'X-Forwarded-Proto: https',
        ...fields,
        `\r\n${body}`,
      ].join('\r\n'),
    );
  const form = await ask('GET /login/ HTTP/1.1', []);
  t.equal(form.status, 200);
  const [, token = ''] = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(form.body.toString()) ?? [];
  const cookie = form.headers['set-cookie']?.split(';')[0] ?? '';
  const body = new URLSearchParams({
    csrfmiddlewaretoken: token,
    username: 'demo',
    password: 'open-sesame',
  }).toString();
  const fields = [
    `Cookie: ${cookie}`,
    `Origin: https://${host}`,
    `Referer: https://${host}/login/`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
  ];
  return (await ask('POST /login/ HTTP/1.1', fields, body)).status;
}
