// Which part of a picture a frame shows, and how close.  Points are shares of width and height, 0..1: of the frame, or of the picture.

export interface Point {
  x: number;
  y: number;
}

export interface View {
  scale: number;
  x: number; // of the frame's width, to the left
  y: number;
}

export const FIT: View = { scale: 1, x: 0, y: 0 };
export const CLOSEST = 12;
const MIDDLE: Point = { x: 0.5, y: 0.5 };

/** The frame is always full of picture. */
function kept(scale: number, x: number, y: number): View {
  const s = Math.min(CLOSEST, Math.max(1, scale));
  return { scale: s, x: Math.min(s - 1, Math.max(0, x)), y: Math.min(s - 1, Math.max(0, y)) };
}

/** What is at a point of the frame stays there. */
export function zoomed(view: View, factor: number, at: Point = MIDDLE): View {
  const scale = Math.min(CLOSEST, Math.max(1, view.scale * factor));
  const real = scale / view.scale;
  return kept(scale, (view.x + at.x) * real - at.x, (view.y + at.y) * real - at.y);
}

/** The view goes to the right and down, so the picture to the left and up. */
export function moved(view: View, x: number, y: number): View {
  return kept(view.scale, view.x + x, view.y + y);
}

/** Two fingers keep what they lie on.  `ratio`: the frame's width by its height. */
export function pinched(view: View, before: [Point, Point], after: [Point, Point], ratio: number): View {
  const far = ([a, b]: [Point, Point]) => Math.hypot(a.x - b.x, (a.y - b.y) / ratio);
  const middle = ([a, b]: [Point, Point]): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  if (far(before) === 0) return view;
  const [from, to] = [middle(before), middle(after)];
  return moved(zoomed(view, far(after) / far(before), from), from.x - to.x, from.y - to.y);
}

export function onPicture(view: View, at: Point): Point {
  return { x: (at.x + view.x) / view.scale, y: (at.y + view.y) / view.scale };
}

export function onFrame(view: View, at: Point): Point {
  return { x: at.x * view.scale - view.x, y: at.y * view.scale - view.y };
}

/** Where in a frame an event is. */
export function place(event: { clientX: number; clientY: number }, frame: Element): Point {
  const box = frame.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

/** For a picture that fills the frame at FIT, with its origin at the top left. */
export function transform(view: View): string {
  return `translate(${-view.x * 100}%, ${-view.y * 100}%) scale(${view.scale})`;
}
