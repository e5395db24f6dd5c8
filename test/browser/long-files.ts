/** Video and audio too long for a browser to have read to the end when it is told to go there. */

/** Boxes of an MP4 file (ISO/IEC 14496-12) that hold boxes, on the way to the tables of the only track. */
const CONTAINERS = ['moov', 'trak', 'mdia', 'minf', 'stbl'];

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** The boxes of a file, or within a box, those within containers included. */
function* boxesOf(mp4: Buffer, start = 0, end = mp4.length): Generator<Box> {
  for (let at = start; at < end; at += mp4.readUInt32BE(at)) {
    const box = { type: mp4.toString('latin1', at + 4, at + 8), start: at, end: at + mp4.readUInt32BE(at) };
    yield box;
    if (CONTAINERS.includes(box.type)) yield* boxesOf(mp4, at + 8, box.end);
  }
}

/**
 * The same video with unused bytes between the two halves of its pictures, so that each is far from the other in the
 * file. Takes an MP4 file whose only track is one chunk, with its index in front.
 * @param gap bytes
 */
export function withGap(mp4: Buffer, gap: number): Buffer {
  const boxes = new Map([...boxesOf(mp4)].map((box) => [box.type, box]));
  const find = (type: string): Box => {
    const box = boxes.get(type);
    if (box === undefined) throw new Error(`the video has no ${type} box`);
    return box;
  };
  // stsz: how long each picture is. stsc: how many are in a chunk. stco: where the chunks are.
  const [stsz, stsc, stco] = [find('stsz'), find('stsc'), find('stco')];
  const pictures = mp4.readUInt32BE(stsz.start + 16);
  const half = Math.floor(pictures / 2);
  const chunk = mp4.readUInt32BE(stco.start + 16);
  let second = chunk;
  for (let picture = 0; picture < half; picture += 1)
    second += mp4.readUInt32BE(stsz.start + 20 + 4 * picture);

  const chunkSizes = table('stsc', [1, half, 1, 2, pictures - half, 1], 2);
  const added = chunkSizes.length - (stsc.end - stsc.start) + 4;
  const chunkOffsets = table('stco', [chunk + added, second + added + gap], 2);
  const result = Buffer.from(mp4);
  for (const type of CONTAINERS) {
    const { start, end } = find(type);
    result.writeUInt32BE(end - start + added, start);
  }
  const { start, end } = find('mdat');
  result.writeUInt32BE(end - start + gap, start);
  const replaced = [
    { box: stsc, by: chunkSizes },
    { box: stco, by: chunkOffsets },
    { box: { start: second, end: second }, by: Buffer.alloc(gap) },
  ].sort((a, b) => a.box.start - b.box.start);
  const parts: Buffer[] = [];
  let at = 0;
  for (const { box, by } of replaced) {
    parts.push(result.subarray(at, box.start), by);
    at = box.end;
  }
  return Buffer.concat([...parts, result.subarray(at)]);
}

/** A table box with this many rows. */
function table(type: string, values: readonly number[], rows: number): Buffer {
  const box = Buffer.alloc(16 + 4 * values.length);
  box.writeUInt32BE(box.length);
  box.write(type, 4, 'latin1');
  box.writeUInt32BE(rows, 12);
  for (const [index, value] of values.entries()) box.writeUInt32BE(value, 16 + 4 * index);
  return box;
}

/** Samples a second in the recording, of a byte each. */
const SAMPLE_RATE = 48_000;

/** A recording of silence (RIFF WAVE). */
export function silence(seconds: number): Buffer {
  const length = seconds * SAMPLE_RATE;
  const wave = Buffer.alloc(44 + length, 0x80);
  wave.write('RIFF', 0, 'latin1');
  wave.writeUInt32LE(36 + length, 4);
  wave.write('WAVEfmt ', 8, 'latin1');
  wave.writeUInt32LE(16, 16); // length of the format
  wave.writeUInt16LE(1, 20); // PCM
  wave.writeUInt16LE(1, 22); // one channel
  wave.writeUInt32LE(SAMPLE_RATE, 24);
  wave.writeUInt32LE(SAMPLE_RATE, 28); // bytes a second
  wave.writeUInt16LE(1, 32); // bytes a sample
  wave.writeUInt16LE(8, 34); // bits a sample
  wave.write('data', 36, 'latin1');
  wave.writeUInt32LE(length, 40);
  return wave;
}
