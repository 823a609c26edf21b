import { inflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { empty, isAll, png, stroke } from "../src/lib/mask";

const at = (x: number, y: number) => ({ x, y });

it("a mask has the proportions of its picture and at most 1024 px", () => {
  expect(empty(4000, 3000)).toMatchObject({ width: 1024, height: 768 });
  expect(empty(451, 300)).toMatchObject({ width: 451, height: 300 });
  expect(empty(9000, 3)).toMatchObject({ width: 1024, height: 1 });
});

it("a stroke paints its width, and nothing beyond", () => {
  const mask = empty(60, 40);
  stroke(mask, at(10, 20), at(50, 20), 6, 0, true);
  const column = (x: number) => Array.from({ length: 40 }, (_, y) => mask.data[y * 60 + x] as number);
  expect(column(30).slice(15, 25).every((value) => value === 255)).toBe(true);
  expect(column(30)[12]).toBe(0);
  expect(column(30)[27]).toBe(0);
  expect(mask.data[20 * 60 + 1]).toBe(0);
});

it("a soft stroke over itself stays as soft", () => {
  const [once, twice] = [empty(60, 40), empty(60, 40)];
  stroke(once, at(10, 20), at(50, 20), 9, 1, true);
  for (let time = 0; time < 5; time++) stroke(twice, at(10, 20), at(50, 20), 9, 1, true);
  expect(twice.data).toEqual(once.data);
});

it("erasing takes away what painting gave", () => {
  const mask = empty(60, 40);
  stroke(mask, at(30, 20), at(30, 20), 8, 0.5, true);
  stroke(mask, at(30, 20), at(30, 20), 20, 0, false);
  expect(isAll(mask, 0)).toBe(true);
});

it("it is written as 8-bit grey", async () => {
  const mask = empty(5, 3);
  mask.data.set([0, 64, 128, 192, 255], 5);
  const bytes = Buffer.from(await (await png(mask)).arrayBuffer());
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25]]).toEqual([5, 3, 8, 0]);
  const rows = inflateSync(bytes.subarray(41, 41 + bytes.readUInt32BE(33)));
  expect([...rows.subarray(6, 12)]).toEqual([0, 0, 64, 128, 192, 255]);
});
