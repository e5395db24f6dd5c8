// `types` and `default_type`. Our own table is kept, and newer than any of nginx's; what a site has written beside it adds to it.
import { lookup } from 'mime-types';
import { checkMediaType, checkTypes } from '../../config/values.js';
import { changed, kept, notNeeded, notSupported, type Outcome, type Translate } from '../rows.js';
import { lastOf } from './row.js';
import { hasVariable } from './values.js';

/** Types that browsers run as part of a page. */
const CODE =
  /^(?:text|application)\/(?:x-)?(?:javascript\d*(?:\.\d)?|ecmascript|jscript|livescript|vbscript|css|wasm|html|xhtml\+xml)$/i;

/** `types { … }` for files. */
export const types: Translate = ({ block = [] }, { kind, holding }) => {
  if (block.length === 0) {
    // All files get the default type: the way to have uploads saved and not shown.
    const type = lastOf(holding, 'default_type')?.args[0] ?? 'text/plain';
    if (hasVariable(type) || (kind === 'media' && CODE.test(type))) {
      return changed('all files would run as code: they keep the built-in types');
    }
    return kept(`headers: Content-Type ${type}`, { headers: { 'Content-Type': type } });
  }
  const own: Record<string, string> = {};
  const refused: string[] = [];
  for (const { name: type, args } of block) {
    for (const extension of args.map((arg) => arg.toLowerCase())) {
      if (lookup(`x.${extension}`) === type) continue;
      if ((kind === 'media' && CODE.test(type)) || !isUsable(extension, type)) refused.push(extension);
      else own[extension] = type;
    }
  }
  const set = Object.keys(own).length === 0 ? undefined : { types: own };
  if (refused.length > 0) {
    return changed(
      `the types of ${refused.slice(0, 5).join(', ')} are not taken: uploads never run as code (write types by hand to have it so)`,
      set,
    );
  }
  return set === undefined
    ? notNeeded('the built-in types say the same')
    : changed('types; endings that are not named keep their built-in types', set);
};

function isUsable(extension: string, type: string): boolean {
  try {
    checkTypes({ [extension]: type });
    return true;
  } catch {
    return false;
  }
}

/** `default_type` for files. */
export const defaultType: Translate = ({ args: [type = ''] }, { kind }): Outcome => {
  if (hasVariable(type)) return changed('a type with a variable in it is not kept: application/octet-stream');
  if (kind === 'media' && CODE.test(type)) {
    return changed('names without a known ending would run as code: application/octet-stream');
  }
  try {
    checkMediaType(type);
  } catch (error) {
    return notSupported((error as Error).message);
  }
  return type === 'application/octet-stream'
    ? kept('defaultType, which is the default')
    : kept(`defaultType: ${type}`, { defaultType: type });
};
