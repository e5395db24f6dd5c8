// The sample project under real app servers, with media-serve in front of it. The site is made once, and each kind of app
// server started once: what has to hold under all of them, and what under some, stands here.
import t from 'tap';
import {
  APP_SERVERS,
  type AppServer,
  type Deployment,
  deploy,
  makeSite,
  pythonOrSkip,
} from '../support/python.js';
import { askedAndSigned, libraries, prepareDocuments } from './protected.js';
import { session } from './session.js';
import { streaming } from './streaming.js';
import { modeWithoutPermissions, uploads } from './uploads.js';
import { websocket } from './websocket.js';

const X_SENDFILE = { SENDFILE: 'xsendfile', PRIVATE_STORAGE_SERVER: 'apache' };
/** How the libraries hand out files, X-Accel-Redirect if not said otherwise. */
const SETTINGS: Partial<Record<AppServer, Record<string, string>>> = {
  'gunicorn on a unix socket': X_SENDFILE,
};

t.setTimeout(600_000);
t.test('the sample project', { timeout: 600_000 }, async (t) => {
  const python = await pythonOrSkip(t);
  if (python === undefined) return;
  const site = await makeSite(t, python);
  const args = prepareDocuments(site);

  for (const server of APP_SERVERS) {
    await t.test(server, async (t) => {
      const env = SETTINGS[server] ?? {};
      const deployment: Deployment = await deploy(t, python, site, server, { args, env });
      await t.test('uploads', (t) => uploads(t, deployment));
      await t.test('sessions', (t) => session(t, deployment));
      await t.test('streaming', (t) => streaming(t, deployment));
      await t.test(`documents, with ${env === X_SENDFILE ? 'X-Sendfile' : 'X-Accel-Redirect'}`, (t) =>
        libraries(t, deployment),
      );
      if (server === 'gunicorn on TCP')
        await t.test('documents, asked for and signed', (t) => askedAndSigned(t, deployment));
      // gunicorn's WSGI workers have none.
      if (server === 'uvicorn') await t.test('WebSockets', (t) => websocket(t, deployment));
    });
  }

  await t.test('uvicorn: documents, with X-Sendfile', async (t) => {
    await libraries(t, await deploy(t, python, site, 'uvicorn', { args, env: X_SENDFILE }));
  });

  await t.test('without FILE_UPLOAD_PERMISSIONS a large photo gets mode 0600', (t) =>
    modeWithoutPermissions(t, python, site),
  );
});
