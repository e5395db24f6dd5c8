/** An authority of one's own for certificates, as companies have one: openssl makes them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** Path of its own certificate, for those who believe it. */
  readonly path: string;
  /** Vouches for a server that has these names. */
  issue(names: readonly string[], options?: { readonly hasExpired?: boolean }): Promise<Certificate>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes one; it is removed, with all its certificates, when the test ends. */
export async function makeAuthority(t: Test): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'media-serve-authority-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]): Promise<unknown> =>
    promisify(execFile)('openssl', args, { cwd: folder });
  await openssl(
    ...['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=authority of tests'],
    ...['-keyout', 'authority.key', '-out', 'authority.pem'],
  );
  let count = 0;
  return {
    path: join(folder, 'authority.pem'),
    async issue(names, { hasExpired = false } = {}) {
      count += 1;
      const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map(
        (end) => `${count}.${end}`,
      ) as [string, string, string, string];
      await openssl(
        'req',
        '-new',
        ...NEW_KEY,
        '-subj',
        '/CN=store of tests',
        '-keyout',
        key,
        '-out',
        request,
      );
      const alternatives = names.map((name) => `DNS:${name}`).join(',');
      await writeFile(join(folder, extensions), `subjectAltName=${alternatives}\n`);
      await openssl(
        ...['x509', '-req', '-in', request, '-CA', 'authority.pem', '-CAkey', 'authority.key'],
        ...[
          '-set_serial',
          `${count}`,
          '-days',
          hasExpired ? '-1' : '2',
          '-extfile',
          extensions,
          '-out',
          cert,
        ],
      );
      return { cert: join(folder, cert), key: join(folder, key) };
    },
  };
}
