import { expect, it } from "vitest";
import { empty, stroke } from "../src/lib/mask";
import { CLOSEST, FIT, moved, onFrame, onPicture, pinched, type Point, type View, zoomed } from "../src/lib/view";

const close = (a: Point, b: Point) => {
  expect(a.x).toBeCloseTo(b.x, 10);
  expect(a.y).toBeCloseTo(b.y, 10);
};
const VIEWS: View[] = [FIT, zoomed(FIT, 3, { x: 0.9, y: 0.2 }), moved(zoomed(FIT, 12), -2, 1.3), zoomed(zoomed(FIT, 5, { x: 0.1, y: 0.7 }), 0.6)];

it("a point of the frame and of the picture are each other's inverse in every view", () => {
  for (const view of VIEWS) {
    close(onFrame(view, onPicture(view, { x: 0.31, y: 0.77 })), { x: 0.31, y: 0.77 });
    close(onPicture(view, onFrame(view, { x: 0.5, y: 0.06 })), { x: 0.5, y: 0.06 });
  }
});

it("zooming keeps what is under the pointer", () => {
  const at = { x: 0.62, y: 0.35 };
  for (const view of VIEWS.slice(1)) close(onPicture(zoomed(view, 1.4, at), at), onPicture(view, at));
});

it("the frame is never left empty", () => {
  for (const view of [moved(zoomed(FIT, 4), 99, -99), zoomed(zoomed(FIT, 1e6), 1), zoomed(FIT, 0.01), zoomed(moved(zoomed(FIT, 6), 99, 99), 0.3)]) {
    const [first, last] = [onPicture(view, { x: 0, y: 0 }), onPicture(view, { x: 1, y: 1 })];
    expect(Math.min(first.x, first.y)).toBeGreaterThanOrEqual(0);
    expect(Math.max(last.x, last.y)).toBeLessThanOrEqual(1 + 1e-12);
    expect(view.scale).toBeLessThanOrEqual(CLOSEST);
  }
});

it("two fingers keep what they lie on", () => {
  const before: [Point, Point] = [{ x: 0.4, y: 0.4 }, { x: 0.6, y: 0.5 }];
  const after: [Point, Point] = [{ x: 0.3, y: 0.45 }, { x: 0.7, y: 0.65 }];
  const start = zoomed(FIT, 2);
  const view = pinched(start, before, after, 1.5);
  expect(view.scale).toBeCloseTo(4);
  for (const at of [0, 1] as const) close(onPicture(view, after[at]), onPicture(start, before[at]));
});

it("a stroke lands under the pointer, as wide on the screen at any zoom", () => {
  const [frame, wide] = [{ width: 600, height: 400 }, 90];
  const pointer = { x: 371, y: 122 }; // px of the frame
  for (const view of VIEWS) {
    const mask = empty(1024, 683);
    const at = onPicture(view, { x: pointer.x / frame.width, y: pointer.y / frame.height });
    const point = { x: at.x * mask.width, y: at.y * mask.height };
    stroke(mask, point, point, ((wide / 2) * (mask.width / frame.width)) / view.scale, 0, true);
    let [x0, x1, y0, y1] = [Infinity, 0, Infinity, 0];
    mask.data.forEach((value, index) => {
      if (value < 128) return;
      const [x, y] = [index % mask.width, Math.floor(index / mask.width)];
      [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x + 1), Math.min(y0, y), Math.max(y1, y + 1)];
    });
    const [from, to] = [onFrame(view, { x: x0 / mask.width, y: y0 / mask.height }), onFrame(view, { x: x1 / mask.width, y: y1 / mask.height })];
    const pixel = (view.scale * frame.width) / mask.width; // of the mask, on the screen
    expect(Math.abs(((from.x + to.x) / 2) * frame.width - pointer.x)).toBeLessThan(pixel);
    expect(Math.abs(((from.y + to.y) / 2) * frame.height - pointer.y)).toBeLessThan(pixel);
    expect(Math.abs((to.x - from.x) * frame.width - wide)).toBeLessThan(2.5 * pixel);
  }
});
