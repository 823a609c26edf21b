import { describe, expect, it } from "vitest";
import { bytes, seconds, sentence, value } from "../src/lib/format";

describe("times", () => {
  it.each([
    [0.4, "under 1 s"],
    [8.2, "8 s"],
    [59.4, "59 s"],
    [90, "1 min 30 s"],
    [127, "2 min 10 s"],
    [597, "10 min"],
    [1325, "22 min"],
    [3599, "1 h"],
    [5 * 3600 + 12 * 60, "5 h 12 min"],
    [12.4 * 3600, "12 h"],
    [80 * 3600, "3 days"],
  ])("%d seconds are %s", (given, said) => expect(seconds(given)).toBe(said));
});

it("memory is said in the units that people know", () => {
  expect(bytes(420)).toBe("420 B");
  expect(bytes(667_400_000)).toBe("667 MB");
  expect(bytes(6.44e9)).toBe("6.4 GB");
  expect(bytes(999.9e6)).toBe("1.0 GB");
});

it("a message becomes a sentence, but a name at its beginning stays as it is", () => {
  expect(sentence("the picture needs 8 GB")).toBe("The picture needs 8 GB");
  expect(sentence("content_layers: expected names")).toBe("content_layers: expected names");
  expect(sentence("cat.jpg cannot be read")).toBe("cat.jpg cannot be read");
});

it("an option of the command line is called as on the page", () => {
  expect(sentence("sides must be multiples of 16 px, not 50x50; use --size 48x48")).toBe("Sides must be multiples of 16 px, not 50x50; use size 48x48");
  expect(sentence("leave out --style-scale")).toBe("Leave out style scale");
});

it("values of settings are readable", () => {
  expect(value(null)).toBe("automatic");
  expect(value({ conv4_2: 0.7, conv3_2: 0.3 })).toBe("conv4_2:0.7, conv3_2:0.3");
  expect(value([400, 300])).toBe("400, 300");
});
