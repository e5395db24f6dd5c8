/** What a page may do with a picture or a font that it loads, from wherever. */
import type { Page } from 'playwright-core';

/** A function expression that loads a picture. */
const LOAD = `(src, properties) => new Promise((resolve, reject) => {
  const image = Object.assign(new Image(), properties);
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error('no picture'));
  image.src = src;
})`;

/** A function expression that tells whether a picture's pixels can be read from a canvas. */
const IS_READABLE = `(image) => {
  const canvas = new OffscreenCanvas(4, 3).getContext('2d');
  canvas.drawImage(image, 0, 0);
  try {
    return canvas.getImageData(0, 0, 1, 1).data.join() === '0,128,128,255';
  } catch (error) {
    if (error.name !== 'SecurityError') throw error;
    return false;
  }
}`;

/** Whether a page shows a picture that is 4 pixels wide. */
export function shows(page: Page, src: string): Promise<boolean> {
  return page.evaluate(`(${LOAD})('${src}').then((image) => image.naturalWidth === 4, () => false)`);
}

/** Whether a page that asks for the right to read a picture gets it. */
export function reads(page: Page, src: string): Promise<boolean> {
  return page.evaluate(`(${LOAD})('${src}', { crossOrigin: 'anonymous' }).then(${IS_READABLE}, () => false)`);
}

/** Whether a picture that a page only shows makes its canvas unreadable. */
export async function taints(page: Page, src: string): Promise<boolean> {
  return !(await page.evaluate<boolean>(`(${LOAD})('${src}').then(${IS_READABLE})`));
}

/** Whether a page takes the font of font.ts and writes in it. */
export function loadsFont(page: Page, src: string): Promise<boolean> {
  return page.evaluate(`new FontFace('Wide', 'url(${src})').load().then(
    (font) => {
      document.fonts.add(font);
      const canvas = new OffscreenCanvas(1, 1).getContext('2d');
      canvas.font = '10px Wide';
      return Math.round(canvas.measureText('A').width) === 30;
    },
    () => false,
  )`);
}
