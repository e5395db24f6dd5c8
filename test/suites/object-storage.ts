/**
 * Media in the buckets of real servers: Versity's gateway, which Go builds in minutes the first time, and moto, which Python
 * installs; with the sample Django project and in a browser, and with AWS's package that finds credentials, from npm.
 */
import { compileTests } from '../run/compile.js';
import { runTests } from '../run/run-tests.js';
import type { Workplace } from '../run/workplace.js';
import { findCredentialProviders } from '../support/credential-providers.js';
import { findMoto } from '../support/moto.js';
import { findGateway } from '../support/versitygw.js';
import type { Suite } from './suite.js';

const PROGRAMS = [
  'test/stores/real-store-failures.ts',
  'test/stores/real-stores.ts',
  'test/stores/real-store-roles.ts',
  'test/stores/real-store-tls.ts',
  'test/docker/object-storage.ts',
  'test/e2e/object-storage.ts',
  'test/browser/object-storage.ts',
];

/** A file takes about a minute. */
const SECONDS = 600;

export function objectStorageSuite(workplace: Workplace): Suite {
  return {
    id: 'object-storage',
    async run() {
      // Before any test, whose time is limited.
      const gateway = await findGateway(console.log);
      await findMoto(console.log);
      await findCredentialProviders(console.log);
      const tests = await compileTests(PROGRAMS, workplace.folder);
      return runTests('Buckets of real servers', tests, workplace, {
        env: { VERSITYGW: gateway },
        seconds: SECONDS,
        report: console.log,
      });
    },
  };
}
