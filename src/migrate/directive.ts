// What the readers of both languages give: directives with their arguments, blocks and places.
import { quote } from '../config/errors.js';

/** Where something stands; line and column are counted from 1. */
export interface Place {
  /** The path as it is shown in messages. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One directive as it is written, with what stands within it. */
export interface Directive {
  /** As the file spells it; Apache's sections without the angle bracket, such as `VirtualHost`. */
  readonly name: string;
  /** Without the quotes that they may have been written in. */
  readonly args: readonly string[];
  readonly place: Place;
  /** What stands between the braces, or the tags; absent where there are none. */
  readonly block?: readonly Directive[];
}

/** `FILE:LINE`, as compilers write it. */
export function showPlace({ file, line }: Place): string {
  return `${file}:${line}`;
}

/** Directives whose values are secrets, and names of fields and variables after which one stands. */
const OF_SECRETS = /secret|password|passphrase|md5/i;
const BEFORE_SECRETS = /authori[sz]ation|token|secret|password|api[-_]?key|cookie/i;

/** The directive in one line that stays readable, without its block. A secret in it does not reach a log. */
export function showDirective({ name, args }: Directive): string {
  const shown = args.map((arg, index) => {
    const isSecret =
      OF_SECRETS.test(name) || args.slice(0, index).some((before) => BEFORE_SECRETS.test(before));
    if (isSecret) return '\u2026';
    return /^[^\s"]+$/.test(arg) ? arg : quote(arg);
  });
  const text = plain([name, ...shown].join(' '));
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

/** Without what would end a line, or do something to a terminal. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, '?');
}

/**
 * The directives and all within them, in the order of the text.
 * @param isTable blocks that are given without what is in them
 */
export function* eachDirective(
  directives: readonly Directive[],
  isTable: (directive: Directive) => boolean = () => false,
): Generator<Directive> {
  // Without recursion: a reader bounds the depth, and this need not rely on it.
  const open: Iterator<Directive>[] = [directives.values()];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const next = last.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    yield next.value;
    if (next.value.block !== undefined && !isTable(next.value)) open.push(next.value.block.values());
  }
}
