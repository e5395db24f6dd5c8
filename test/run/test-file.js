// Several test files in one process, one after the other. Each is a test of its own, with its own directory, teardown and
// limits, and ends what it has started before the next begins. A test file's tap is compiled to be this module (bundle.js).
// JavaScript, so that compiled tests and what runs them get the same one.
import root from 'tap';

/** @type {import('tap').Test} */
let current = root;

// Not its value: who imports it sees which file's turn it is.
export { current as default };

/**
 * @param {string} path what the test is called
 * @param {() => Promise<unknown>} load runs the file; its tests may end later
 */
export async function runTestFile(path, load) {
  await root.test(path, async (t) => {
    current = t;
    await load();
  });
}
