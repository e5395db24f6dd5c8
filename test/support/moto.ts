/**
 * The server of moto, which stands in for AWS in many projects' tests: another reading of S3 than the gateway's. It checks
 * signatures, and knows neither regions nor clocks.
 */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { findPython, type Requirements } from '../../docker/demo-python.js';
import { spawnChild } from './child.js';
import { BUCKET, makeBucket, type RealStore } from './real-store.js';
import { until } from './until.js';

const REQUIREMENTS: Requirements = {
  name: 'moto',
  file: new URL('./moto-requirements.txt', import.meta.url),
};
const REGION = 'us-east-1';
/** What its user may do. */
const POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
};

/**
 * Resolves with a Python that has moto.
 * @throws Error when there is none
 */
export async function findMoto(report: (line: string) => void): Promise<string> {
  const found = await findPython(report, undefined, REQUIREMENTS);
  if ('missing' in found) throw new Error(found.missing);
  return found.path;
}

/** Starts it with an empty bucket; it is stopped when the test ends. */
export async function startMoto(t: Test): Promise<RealStore> {
  const python = await findMoto((line) => t.comment(line));
  const child = spawnChild(python, ['-m', 'moto.server', '-p', '0'], {
    env: { PATH: process.env['PATH'] ?? '', PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const listening = /Running on (http:\/\/127\.0\.0\.1:\d+)/;
  await until(() => {
    if (child.exitCode !== null) throw new Error(`moto has ended: ${output}`);
    return listening.test(output);
  }, 'moto listens');
  const [, endpoint = ''] = listening.exec(output) ?? [];

  await iam(endpoint, { Action: 'CreateUser', UserName: 'tests' });
  await iam(endpoint, {
    Action: 'PutUserPolicy',
    UserName: 'tests',
    PolicyName: 'all',
    PolicyDocument: JSON.stringify(POLICY),
  });
  const made = await iam(endpoint, { Action: 'CreateAccessKey', UserName: 'tests' });
  const element = (name: string): string => new RegExp(`<${name}>([^<]+)<`).exec(made)?.[1] ?? '';
  const credentials = {
    accessKeyId: element('AccessKeyId'),
    secretAccessKey: element('SecretAccessKey'),
  };
  // From here on it looks at who asks.
  await post(endpoint, '/moto-api/reset-auth', {}, '0');
  const store: RealStore = {
    endpoint,
    region: REGION,
    bucket: BUCKET,
    credentials,
    output: () => output,
  };
  await makeBucket(store);
  return store;
}

/** Asks the service for users. What it goes by to find the service is the field of a signature, which may be any so far. */
function iam(endpoint: string, form: Readonly<Record<string, string>>): Promise<string> {
  const authorization = `AWS4-HMAC-SHA256 Credential=x/20260101/${REGION}/iam/aws4_request, SignedHeaders=host, Signature=0`;
  const fields = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  return post(endpoint, '/', fields, new URLSearchParams({ Version: '2010-05-08', ...form }).toString());
}

async function post(
  endpoint: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<string> {
  const request = httpRequest(new URL(path, endpoint), { method: 'POST', headers, agent: false }).end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const answer = await text(response);
  if (response.statusCode !== 200)
    throw new Error(`moto answers ${path} with ${response.statusCode}: ${answer}`);
  return answer;
}
