import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DnIndex } from "../../agent/core/dn-index.ts";
import { uuid } from "../support/fake-directory.ts";

const dnOf = (n: number) => `uid=person${n},ou=people,dc=example,dc=com`;

describe("DnIndex", () => {
  it("finds ids by any spelling of the DN", () => {
    const index = new DnIndex({ limit: 10 });
    index.add("uid=ada,ou=people,dc=example,dc=com", uuid(1));
    expect(index.get("UID=Ada, OU=People, DC=Example, DC=Com")).toBe(uuid(1));
    expect(index.get("uid=bob,ou=people,dc=example,dc=com")).toBeUndefined();
    expect(index.get("")).toBeUndefined();
  });

  it("keeps every entry while it grows, and takes at most 64 bytes for each after that", () => {
    const index = new DnIndex({ limit: 100_000 });
    const first = index.bytes;
    let worst = 0;
    for (let n = 1; n <= 20_000; n++) {
      index.add(dnOf(n), uuid(n));
      if (index.bytes > first) worst = Math.max(worst, index.bytes / index.size);
    }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThanOrEqual(64);
    expect(index.size).toBe(20_000);
    for (let n = 1; n <= 20_000; n += 7) expect(index.get(dnOf(n))).toBe(uuid(n));
    expect(index.get(dnOf(20_001))).toBeUndefined();
  });

  it("refuses to grow past its limit and forgets nothing", () => {
    const index = new DnIndex({ limit: 3 });
    for (let n = 1; n <= 5; n++) index.add(dnOf(n), uuid(n));
    expect(index.size).toBe(3);
    expect([1, 2, 3, 4, 5].map((n) => index.get(dnOf(n)))).toEqual([
      uuid(1),
      uuid(2),
      uuid(3),
      undefined,
      undefined,
    ]);
  });

  it("counts an entry once and takes its last id", () => {
    const index = new DnIndex({ limit: 10 });
    index.add("uid=ada,dc=a", uuid(1));
    index.add("UID=ADA,DC=A", uuid(2));
    expect([index.size, index.get("uid=ada,dc=a")]).toEqual([1, uuid(2)]);
  });

  it.each(["", "42", "00000000000040008000000000000001", `${uuid(1)}0`, uuid(0xabc).toUpperCase()])(
    "leaves out an id that is no UUID in canonical form: %s",
    (id) => {
      const index = new DnIndex({ limit: 10 });
      index.add("uid=ada,dc=a", id);
      expect([index.size, index.get("uid=ada,dc=a")]).toEqual([0, undefined]);
    },
  );

  it("gives back every UUID as it was", () => {
    fc.assert(
      fc.property(fc.array(fc.uuid(), { maxLength: 50 }), (ids) => {
        const index = new DnIndex({ limit: 1000 });
        for (const [n, id] of ids.entries()) index.add(dnOf(n), id);
        expect(ids.map((_, n) => index.get(dnOf(n)))).toEqual(ids);
      }),
    );
  });
});
