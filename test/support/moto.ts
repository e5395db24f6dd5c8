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
/** What its user and its role may do. */
const POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:*', 'sts:AssumeRole'], Resource: '*' }],
};
const ROLE = 'role-of-tests';
/** Who may take the role: everybody. */
const TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: '*' } }],
};

/** The keys that its metadata of an instance give out, which its other services know nothing of by themselves. */
export const INSTANCE_KEYS = {
  AccessKeyId: 'test-key',
  SecretAccessKey: 'test-secret-key',
  Token: 'test-session-token',
};

/**
 * Starts it, with the role taken by an instance that has these keys. To take one by a web identity is signed by nobody, which
 * it does not know once it looks at signatures.
 */
const PROGRAM = `
import json, sys
from moto.server import main
from moto.sts.models import sts_backends
from moto.sts.responses import TokenResponse
check = TokenResponse._authenticate_and_authorize_normal_action
def check_signed(self, resource="*"):
    if self._get_action() != "AssumeRoleWithWebIdentity":
        check(self, resource)
TokenResponse._authenticate_and_authorize_normal_action = check_signed
name, keys = sys.argv[1], json.loads(sys.argv[2])
account = "123456789012"
arn = f"arn:aws:iam::{account}:role/{name}"
role = sts_backends[account]["aws"].assume_role("${REGION}", "instance", arn, None, 3600, None)
role.access_key_id, role.secret_access_key, role.session_token = keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]
main(["-p", "0"])
`;

/** A running moto. */
export interface Moto extends RealStore {
  /** A role that may read the bucket, and that everybody may take: its ARN. */
  readonly role: string;
}

/**
 * Resolves with a Python that has moto.
 * @throws Error when there is none
 */
export async function findMoto(report: (line: string) => void): Promise<string> {
  const found = await findPython(report, undefined, REQUIREMENTS);
  if ('missing' in found) throw new Error(found.missing);
  return found.path;
}

/** Starts it with an empty bucket, a user and a role; it is stopped when the test ends. */
export async function startMoto(t: Test): Promise<Moto> {
  const python = await findMoto((line) => t.comment(line));
  const child = spawnChild(python, ['-c', PROGRAM, ROLE, JSON.stringify(INSTANCE_KEYS)], {
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

  const policy = { PolicyName: 'all', PolicyDocument: JSON.stringify(POLICY) };
  const trust = JSON.stringify(TRUST);
  const role = await iam(endpoint, {
    Action: 'CreateRole',
    RoleName: ROLE,
    AssumeRolePolicyDocument: trust,
  });
  await iam(endpoint, { Action: 'PutRolePolicy', RoleName: ROLE, ...policy });
  await iam(endpoint, { Action: 'CreateUser', UserName: 'tests' });
  await iam(endpoint, { Action: 'PutUserPolicy', UserName: 'tests', ...policy });
  const made = await iam(endpoint, { Action: 'CreateAccessKey', UserName: 'tests' });
  const credentials = {
    accessKeyId: element(made, 'AccessKeyId'),
    secretAccessKey: element(made, 'SecretAccessKey'),
  };
  // From here on it looks at who asks.
  await post(endpoint, '/moto-api/reset-auth', {}, '0');
  const store: Moto = {
    role: element(role, 'Arn'),
    endpoint,
    region: REGION,
    bucket: BUCKET,
    credentials,
    output: () => output,
  };
  await makeBucket(store);
  return store;
}

function element(document: string, name: string): string {
  return new RegExp(`<${name}>([^<]+)<`).exec(document)?.[1] ?? '';
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
