// A mask that is being painted: its strokes, and the way back from them.

import { type Box, type Mask, stroke } from "./mask";
import type { Point } from "./view";

const KEPT = 30;

export interface Brush {
  radius: number; // px of the mask
  soft: number;
  paint: boolean;
}

export class Painting {
  undos = $state.raw<Uint8Array[]>([]);
  redos = $state.raw<Uint8Array[]>([]);
  touched = $derived(this.undos.length + this.redos.length > 0);
  /** Told which part of the mask has changed. */
  onchange: (box: Box) => void = () => {};
  private last: Point | null = null;
  private before: { undos: Uint8Array[]; redos: Uint8Array[] } = { undos: [], redos: [] };

  constructor(readonly mask: Mask) {}

  begin(): void {
    this.remember();
    this.last = null;
  }

  /** The stroke goes on to a point in px of the mask. */
  to(point: Point, { radius, soft, paint }: Brush): void {
    this.onchange(stroke(this.mask, this.last ?? point, point, radius, soft, paint));
    this.last = point;
  }

  /** The stroke that was begun is none after all. */
  takeBack(): void {
    const data = this.undos.at(-1);
    if (!data) return;
    this.mask.data.set(data);
    ({ undos: this.undos, redos: this.redos } = this.before);
    this.all();
  }

  whole(change: (data: Uint8Array) => void): void {
    this.remember();
    change(this.mask.data);
    this.all();
  }

  /** False where there is nothing to go back to, or on to. */
  step(from: "undo" | "redo"): boolean {
    const [take, give] = from === "undo" ? [this.undos, this.redos] : [this.redos, this.undos];
    const data = take.at(-1);
    if (!data) return false;
    const kept = [...give, this.mask.data.slice()];
    this.mask.data.set(data);
    [this.undos, this.redos] = from === "undo" ? [take.slice(0, -1), kept] : [kept, take.slice(0, -1)];
    this.all();
    return true;
  }

  private remember(): void {
    this.before = { undos: this.undos, redos: this.redos };
    this.undos = [...this.undos.slice(1 - KEPT), this.mask.data.slice()];
    this.redos = [];
  }

  private all(): void {
    this.onchange({ x: 0, y: 0, width: this.mask.width, height: this.mask.height });
  }
}

/** A picture of any size as a mask's numbers: its transparency, if it has any, else how light it is. */
export function greys(picture: CanvasImageSource, width: number, height: number): Uint8Array {
  const paper = document.createElement("canvas");
  [paper.width, paper.height] = [width, height];
  const context = paper.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const clear = data.some((value, at) => at % 4 === 3 && value < 255);
  return Uint8Array.from({ length: width * height }, (_, at) => {
    const [red, green, blue, alpha] = data.subarray(at * 4, at * 4 + 4) as unknown as [number, number, number, number];
    return clear ? alpha : Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  });
}

/** What is not painted, hatched: `every` px of the mask there is a line, `thick` px wide. */
export function hatch(image: ImageData, box: Box, mask: Mask, every: number, thick: number): void {
  const pixels = image.data;
  for (let y = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++) {
      const [column, row] = [box.x + x, box.y + y];
      const out = 255 - (mask.data[row * mask.width + column] as number);
      const line = (column + row) % every < thick;
      const at = (y * box.width + x) * 4;
      pixels[at] = pixels[at + 1] = pixels[at + 2] = line ? 80 : 12;
      pixels[at + 3] = out * (line ? 0.6 : 0.66);
    }
}
