import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory } from "../../agent/ports.ts";
import { DeltaFollower } from "./delta-follower.ts";
import { BASE, DriftingDirectory, PEOPLE, SCOPE_GROUP } from "./drifting-directory.ts";
import { MemoryLog } from "./memory-log.ts";
import { answering, type ScopeParts, serve } from "./provider.ts";
import { times } from "./run-length.ts";

const ROUNDS = times({ short: 12, long: 300 });
const CHANGES = 6;
const SEED = 7_301;
const TIMEOUT_MS = times({ short: 120_000, long: 3_600_000 });

const SCOPES: Readonly<Record<string, ScopeParts>> = {
  everything: {},
  "units, one excluded": {
    include: [PEOPLE, `ou=Groups,${BASE}`],
    exclude: [`ou=Out,${PEOPLE}`],
  },
  "a group with groups in it": { groups: [{ dn: SCOPE_GROUP, nested: true }] },
  "a clause": {
    clauses: [
      { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
    ],
  },
};

interface DriftServer {
  readonly url: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Who may write. */
  readonly adminDn: string;
  readonly adminPassword: string;
  close(): Promise<void>;
}

/** Follows the changes of one server, and compares what it holds with a full read after each round. */
export function describeDelta(
  name: string,
  { start }: { readonly start: () => Promise<DriftServer> },
): void {
  describe(`deltas of ${name}`, () => {
    let server: DriftServer;
    let directory: Directory;
    let drifting: DriftingDirectory;

    beforeAll(async () => {
      server = await start();
      const { url, bindDn, bindPassword, adminDn, adminPassword } = server;
      const bind = { dn: bindDn, password: async () => bindPassword };
      const connection = { name, kind: "openLdap", urls: [url], baseDn: BASE, bind } as const;
      directory = createLdapDirectory(connection, { log: new MemoryLog() });
      const admin = { url, bindDn: adminDn, bindPassword: adminPassword };
      drifting = await DriftingDirectory.open(admin, { seed: SEED });
    });

    afterAll(async () => {
      await drifting?.close();
      await directory?.close();
      await server?.close();
    });

    const followerOf = (parts: ScopeParts) => new DeltaFollower(answering(serve(directory, parts)));

    it(
      "lead to what a full read gives, whatever has happened",
      async () => {
        const followers = Object.entries(SCOPES).map(([scope, parts]) => {
          return { scope, parts, follower: followerOf(parts) };
        });
        for (const { follower } of followers) await follower.follow();
        for (let round = 0; round < ROUNDS; round++) {
          const done = await drifting.drift(CHANGES);
          const everything = followerOf({});
          await everything.follow();
          for (const { scope, parts, follower } of followers) {
            const { updated } = await follower.follow();
            const full = followerOf(parts);
            await full.follow();
            const known = new Set(everything.held.keys());
            expect({ round, scope, done, held: contents(follower.held, known) }).toEqual({
              round,
              scope,
              done,
              held: contents(full.held, known),
            });
            // What changed, its group, and the last change before, which is read once more.
            expect(updated).toBeLessThan(full.held.size / 2);
          }
        }
      },
      TIMEOUT_MS,
    );

    it("bring what has changed with its data, and of the rest the ids", async () => {
      const follower = followerOf({});
      await follower.follow();
      await follower.follow();
      const { updated, asked } = await follower.follow();
      // The last change is read again each time: another one may have had the same number.
      expect({ updated, asked }).toEqual({ updated: expect.toSatisfy((n) => n <= 2), asked: 0 });
    });
  });
}

/**
 * To compare: a version is only on what was read by itself, and references to what has left the directory are nobody's,
 * since no server says whose they were.
 */
function contents(
  held: ReadonlyMap<string, ScimResource>,
  known: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = {};
  for (const [id, { meta: _, members, schemas: _schemas, ...rest }] of [...held].sort()) {
    const { [ENTERPRISE_USER_SCHEMA]: enterprise, ...core } = rest;
    const manager = idIn((enterprise as { readonly manager?: unknown } | undefined)?.manager);
    plain[id] = {
      ...core,
      ...(known.has(manager) ? { manager } : {}),
      ...(Array.isArray(members)
        ? {
            members: members
              .map(idIn)
              .filter((value) => known.has(value))
              .sort(),
          }
        : {}),
    };
  }
  return plain;
}

function idIn(reference: unknown): string {
  return String((reference as { readonly value?: unknown } | undefined)?.value);
}
