/** The sample files that the project brings along (see the folder `media`). */
import { readFile } from 'node:fs/promises';

export function sample(name: 'document.pdf' | 'video.mp4'): Promise<Buffer> {
  return readFile(new URL(`../../media/${name}`, import.meta.url));
}
