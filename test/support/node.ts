/**
 * The command line that runs Node, and nothing but Node: tap has every Node process that a test starts load a module
 * of tap's, with which the server would start in twice the time and write a file at its end, as whichever user it runs.
 */
export const [NODE, ...NODE_ARGUMENTS] = ['env', '-u', 'NODE_OPTIONS', process.execPath] as const;
