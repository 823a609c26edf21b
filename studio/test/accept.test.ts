import { expect, it } from "vitest";
import { accepted } from "../src/lib/accept";

it("a picker offers what the server reads, and style files only where a style is chosen", () => {
  const readable = [".hif", ".jfif", ".style"];
  expect(accepted(readable, false)).toBe("image/*,.hif,.jfif");
  expect(accepted(readable, true)).toBe("image/*,.hif,.jfif,.style");
  expect(accepted([], false)).toBe("image/*");
});
