// A thread that asks one disk, one call after the other. It may wait in any of them; nothing else is done here.
import { parentPort, workerData } from 'node:worker_threads';
import { DiskStore } from './disk-store.js';
import { type DiskRequest, DiskWorker } from './disk-task.js';
import { ANSWERED, BEGUN, type DiskWork } from './disk-thread.js';

const { root, policy, window, progress } = workerData as DiskWork;
const numbers = new Int32Array(progress);
const worker = new DiskWorker(new DiskStore(root, policy), Buffer.from(window));
parentPort?.on('message', (request: DiskRequest) => {
  const answer = worker.perform(request);
  Atomics.add(numbers, ANSWERED, 1);
  parentPort?.postMessage(answer);
});
Atomics.store(numbers, BEGUN, 1);
