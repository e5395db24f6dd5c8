/*
 * Runs in a page of the app: each function tries to load an upload as code, and tells whether it took effect.
 * The programs among the uploads set `ran`, or answer; the stylesheets set `--applied`.
 */

/** Resolves when the element has loaded, or failed to. */
function settle(element) {
  return new Promise((resolve) => {
    element.onload = element.onerror = resolve;
    document.head.append(element);
  });
}

async function runsScript(properties) {
  globalThis.ran = undefined;
  await settle(Object.assign(document.createElement('script'), properties));
  return globalThis.ran === 'yes';
}

function isApplied() {
  return getComputedStyle(document.documentElement).getPropertyValue('--applied') === 'yes';
}

async function appliesStyle(element) {
  await settle(element);
  const applied = isApplied();
  element.remove();
  return applied;
}

/** Whether the worker says so; `port` is where it does. */
function answers(worker, port) {
  return new Promise((resolve) => {
    worker.onerror = () => resolve(false);
    port.onmessage = ({ data }) => resolve(data === 'ran');
  });
}

async function succeeds(promise) {
  try {
    await promise;
    return true;
  } catch {
    return false;
  }
}

globalThis.loaders = {
  script: (src) => runsScript({ src, charset: 'iso-8859-1' }),
  moduleScript: (src) => runsScript({ src, type: 'module' }),
  importedModule: (src) => succeeds(import(src)),
  importedJson: (src) => succeeds(import(src, { with: { type: 'json' } })),
  importedStyle: (src) => succeeds(import(src, { with: { type: 'css' } })),
  worker(src) {
    const worker = new Worker(src);
    return answers(worker, worker);
  },
  moduleWorker(src) {
    const worker = new Worker(src, { type: 'module' });
    return answers(worker, worker);
  },
  sharedWorker(src) {
    const worker = new SharedWorker(src);
    return answers(worker, worker.port);
  },
  /** A worker of the app's own that imports the upload. */
  importScripts(src) {
    const program = `importScripts(${JSON.stringify(new URL(src, location.href).href)});`;
    const worker = new Worker(URL.createObjectURL(new Blob([program], { type: 'text/javascript' })));
    return answers(worker, worker);
  },
  serviceWorker: (src) => succeeds(navigator.serviceWorker.register(src)),
  audioWorklet: (src) => succeeds(new OfflineAudioContext(1, 1, 44_100).audioWorklet.addModule(src)),
  webAssembly: (src) => succeeds(WebAssembly.compileStreaming(fetch(src))),
  stylesheet: (href) =>
    appliesStyle(Object.assign(document.createElement('link'), { rel: 'stylesheet', href })),
  styleImport: (src) =>
    appliesStyle(Object.assign(document.createElement('style'), { textContent: `@import url(${src})` })),
};
