// A mask as numbers: painting on it, and writing it as a greyscale PNG.

export interface Mask {
  width: number;
  height: number;
  data: Uint8Array; // 255: counts wholly, 0: not at all
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function empty(width: number, height: number, side = 1024): Mask {
  const scale = Math.min(1, side / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  return { width: w, height: h, data: new Uint8Array(w * h) };
}

/** One straight piece of a stroke.  Soft is 0 (hard edge) to 1 (soft from the middle out); a stroke never piles up on itself. */
export function stroke(
  mask: Mask,
  from: { x: number; y: number },
  to: { x: number; y: number },
  radius: number,
  soft: number,
  paint: boolean,
): Box {
  const x0 = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius - 1));
  const y0 = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius - 1));
  const x1 = Math.min(mask.width, Math.ceil(Math.max(from.x, to.x) + radius + 1));
  const y1 = Math.min(mask.height, Math.ceil(Math.max(from.y, to.y) + radius + 1));
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const long = dx * dx + dy * dy;
  const inner = Math.min(radius * (1 - soft), radius - 0.5);
  const edge = Math.max(radius + 0.5 - inner, 1);
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = long > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / long)) : 0;
      const away = Math.hypot(px - along * dx, py - along * dy);
      let share = 1 - (away - inner) / edge;
      if (share <= 0) continue;
      share = share >= 1 ? 1 : share * share * (3 - 2 * share);
      const at = y * mask.width + x;
      const value = Math.round(255 * (paint ? share : 1 - share));
      const now = mask.data[at] as number;
      mask.data[at] = paint ? Math.max(now, value) : Math.min(now, value);
    }
  return { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) };
}

export function isAll(mask: Mask, value: number): boolean {
  return mask.data.every((item) => item === value);
}

const CRC = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function chunk(kind: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  for (let at = 0; at < 4; at++) out[4 + at] = kind.charCodeAt(at);
  out.set(body, 8);
  let crc = 0xffffffff;
  for (const byte of out.subarray(4, body.length + 8)) crc = (CRC[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  view.setUint32(body.length + 8, (crc ^ 0xffffffff) >>> 0);
  return out;
}

/** 8-bit greyscale, no transparency: a canvas would write RGBA. */
export async function png(mask: Mask): Promise<Blob> {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, mask.width);
  view.setUint32(4, mask.height);
  head[8] = 8; // bits; the zeros after it: grey, deflate, filters, not interlaced
  const rows = new Uint8Array((mask.width + 1) * mask.height);
  for (let y = 0; y < mask.height; y++)
    rows.set(mask.data.subarray(y * mask.width, (y + 1) * mask.width), y * (mask.width + 1) + 1);
  const packed = new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate")));
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const body = new Uint8Array(await packed.arrayBuffer());
  return new Blob([signature, chunk("IHDR", head), chunk("IDAT", body), chunk("IEND", new Uint8Array())] as BlobPart[], { type: "image/png" });
}
