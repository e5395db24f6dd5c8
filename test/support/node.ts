/**
 * The command line that runs Node, and nothing but Node: tap has every Node process that a test starts load a module
 * of tap's, with which the server would start in twice the time and write a file at its end, as whichever user it runs.
 * SERVER_NODE names the Node that runs the server; without it, the test's own does.
 */
const { SERVER_NODE = process.execPath } = process.env;
export const [NODE, ...NODE_ARGUMENTS] = ['env', '-u', 'NODE_OPTIONS', SERVER_NODE] as const;

/**
 * For tap's `skip`, in tests that have Node's own parser judge what the server does. The judge is that of the Node that
 * runs the test, whichever runs the server (SERVER_NODE): llhttp 8, in Node before 20.19.2, accepts what no RFC allows.
 */
export const withoutJudge = (): string | false =>
  Number.parseInt(process.versions['llhttp'] ?? '', 10) < 9 && 'the parser of this Node is too old to judge';
