// Keeps Node's debugger closed. At SIGUSR1 Node opens it on 127.0.0.1:9229, where whoever is on the machine may run code in
// this process; and nginx's users send SIGUSR1 whenever logs are rotated. Node's --disable-sigusr1 is not there in Node 20.
// This is the command's first import, since it counts from then on.

/** Ends a debugger that a signal has opened; one that Node's command line asks for stays. */
export function closeDebugger(): void {
  if (!process.features.inspector || isWanted()) return;
  const inspector = process.getBuiltinModule('node:inspector');
  const close = (): void => {
    if (inspector.url() !== undefined) inspector.close();
  };
  close();
  // For one signal Node 22 and later open it twice, the second time from the event loop.
  setImmediate(close);
}

function isWanted(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((text) =>
    /--inspect(?!-port)/.test(text),
  );
}

// A listener takes the place of Node's own.
process.on('SIGUSR1', () => {});
// The signal may have come before.
closeDebugger();
