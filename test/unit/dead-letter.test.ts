import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DEAD_LETTER_REASONS } from "../../agent/bus/dead-letter.ts";

const README = new URL("../../config/README.md", import.meta.url);

describe("the reasons of dead letters", () => {
  it("are all in the documentation, and no others", async () => {
    const text = await readFile(README, "utf8");
    const table = text.slice(text.indexOf("**Dead letters.**"), text.indexOf("Service Bus adds"));
    const rows = Array.from(
      table.matchAll(/^\| `(\w+)`\s+\| (.+?)\s+\|$/gm),
      ([, reason, what]) => [reason, what],
    );
    expect(rows).toEqual(Object.entries(DEAD_LETTER_REASONS));
  });

  it("are short enough for Service Bus, and single words", () => {
    for (const reason of Object.keys(DEAD_LETTER_REASONS))
      expect(reason).toMatch(/^[A-Z]\w{3,59}$/);
  });
});
