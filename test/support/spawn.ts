/**
 * Node's own `spawn`. What tests import as `node:child_process` is tap's, which loads a module of tap's into every
 * Node process that is started: the server would start in twice the time, and write a file at its end, as whichever
 * user it runs.
 */
export const { spawn, spawnSync } = process.getBuiltinModule('node:child_process');
