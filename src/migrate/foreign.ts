// A configuration of nginx or Apache in place of one of our own.
import { BadValueError, isOperatorError } from '../config/errors.js';
import { type ConfigFile, checkContent } from '../config/file.js';
import { readApache } from './apache/site.js';
import { readNginxSite } from './nginx/site.js';
import { isDifference, showFinding } from './report.js';
import { SourceFiles } from './source-files.js';
import type { Translation } from './translate.js';

/** The languages that are read. */
export type Language = 'nginx' | 'apache';

const NAMES: Readonly<Record<Language, string>> = { nginx: 'nginx', apache: 'Apache' };

/** A file, and how it is to be read. */
export interface ForeignFile {
  readonly path: string;
  readonly language: Language;
  /** What named it, for messages. */
  readonly from: string;
  /** Where relative paths in it start; its own directory when absent. */
  readonly prefix?: string | undefined;
}

/**
 * Reads the file and says what becomes of each of its directives.
 * @throws {BadValueError} when it cannot be read as this language
 */
export function readForeign(file: ForeignFile): Translation {
  const { path, language, from, prefix } = file;
  try {
    return language === 'apache' ? readApache(path, { from, prefix }) : readNginxSite(path, { from, prefix });
  } catch (error) {
    throw (isOperatorError(error) ? explainLanguage(file, error) : undefined) ?? error;
  }
}

/** The error with what to write, where the file is in the other language. */
function explainLanguage({ path, language, from }: ForeignFile, { message }: Error): Error | undefined {
  const found = new SourceFiles().read(path, from, languageOf);
  if (found === language) return undefined;
  return new BadValueError(
    from,
    `${path} looks like a file of ${NAMES[found]}'s: write --${found}-config for a start, --from ${found} for migrate (as one of ${NAMES[language]}'s: ${message})`,
  );
}

/**
 * The file as one of our own, with what differs to be said at the start.
 * @param isStrict whether a difference is a reason not to start
 * @throws {BadValueError} when it cannot be read, or something differs and that is a reason
 */
export function foreignConfig(file: ForeignFile, isStrict: boolean): ConfigFile {
  const { draft, findings } = readForeign(file);
  const differences = findings.filter(isDifference);
  const [first] = differences;
  if (isStrict && first !== undefined) {
    const others = differences.length === 1 ? '' : ` (and ${differences.length - 1} more)`;
    throw new BadValueError(
      '--strict-config',
      `${showFinding(first)}${others}; media-serve migrate ${file.path} lists all`,
    );
  }
  const { options, locations } = draft;
  return checkContent(
    { ...options, locations: locations.map(({ entry }) => entry) },
    file.path,
    (index) => {
      const { place, title } = locations[index] ?? {};
      return place === undefined ? '' : `line ${place.line} (${title})`;
    },
    // One line for a block that is not done, and not one for each line within it.
    differences
      .filter(({ words }) => !/^as the (?:location|block|server) around it$/.test(words))
      .map(showFinding),
  );
}

/** Sections and directives that begin a line of Apache's, and none of nginx's. */
const OF_APACHE =
  /^\s*(?:<\/?[A-Z]\w*|(?:ServerName|ServerRoot|DocumentRoot|Listen|Alias|ProxyPass|WSGI\w+|LoadModule|Include|Define)\s[^;]*$)/im;

/** Which language a text is in: nginx's statements end with a semicolon or a brace, and Apache's with the line. */
export function languageOf(text: string): Language {
  const lines = text.split('\n', 5000).filter((line) => !/^\s*(?:#|$)/.test(line));
  const ofNginx = lines.filter((line) => /[;{}]\s*(?:#.*)?$/.test(line)).length;
  return ofNginx * 2 < lines.length && OF_APACHE.test(lines.join('\n')) ? 'apache' : 'nginx';
}
